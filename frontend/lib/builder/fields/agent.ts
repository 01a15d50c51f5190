// What can be set at an agent.
import { type FieldGroup, has, SCOPES } from "./spec";

export const AGENT: FieldGroup[] = [
  {
    title: "Model",
    fields: [
      { path: ["config", "model"], kind: "model", label: "Model", required: true },
      {
        path: ["config", "fallbacks"],
        kind: "models",
        label: "Fallbacks",
        help: "Tried in this order when the model keeps failing.",
      },
      {
        path: ["config", "temperature"],
        kind: "number",
        label: "Temperature",
        help: "0 is steady, 2 is wild.",
        min: 0,
        max: 2,
        placeholder: "the model's own",
      },
      { path: ["config", "max_tokens"], kind: "integer", label: "Longest answer, tokens", fallback: 1024, min: 1 },
    ],
  },
  {
    title: "Prompt",
    fields: [
      { path: ["config", "system"], kind: "template", label: "System", help: "Who the model is.", rows: 2 },
      { path: ["config", "prompt"], kind: "template", label: "Prompt", required: true, rows: 6 },
    ],
  },
  {
    title: "Answer",
    folded: true,
    fields: [
      {
        path: ["config", "output_schema"],
        kind: "schema",
        label: "Answer as data",
        help: "A JSON Schema: the output is then the value itself, and it is checked.",
      },
      {
        path: ["config", "checks"],
        kind: "conditions",
        label: "Checks",
        help: "Conditions on `output` that must all hold.",
        placeholder: "size(output.text) > 100",
      },
    ],
  },
  {
    title: "Tools",
    folded: true,
    fields: [
      {
        path: ["config", "max_tool_rounds"],
        kind: "integer",
        label: "Most rounds of tool calls",
        fallback: 8,
        min: 1,
        max: 100,
        help: "Attach tools by connecting them to the agent's lower edge.",
      },
    ],
  },
  {
    title: "Memory",
    folded: true,
    fields: [
      {
        path: ["config", "memory", "recall"],
        kind: "switch",
        label: "Recall before the call",
        on: { query: "{{ inputs }}" },
      },
      {
        path: ["config", "memory", "recall", "query"],
        kind: "template",
        label: "What to look up",
        required: true,
        rows: 2,
        when: has(["config", "memory", "recall"]),
      },
      {
        path: ["config", "memory", "recall", "top_k"],
        kind: "integer",
        label: "Most entries",
        fallback: 5,
        min: 1,
        when: has(["config", "memory", "recall"]),
      },
      {
        path: ["config", "memory", "recall", "scope"],
        kind: "choice",
        label: "Where to look",
        choices: SCOPES,
        fallback: "execution",
        when: has(["config", "memory", "recall"]),
      },
      { path: ["config", "memory", "store"], kind: "boolean", label: "Keep the answer", fallback: false },
    ],
  },
];
