// One description per kind of node of everything that can be set: the properties panel is made from it, and nothing in the
// panel knows a field that is not here. Not here: drawing, checking (the server does).
import type { Json, WorkflowNode } from "../api/types";
import { getAt } from "./ops";

export type FieldKind =
  | "text"
  | "longtext"
  | "template"
  | "code"
  | "integer"
  | "number"
  | "usd"
  | "milliseconds"
  | "boolean"
  | "choice"
  | "model"
  | "models"
  | "schema"
  | "json"
  | "conditions"
  | "templates"
  | "cases"
  | "ancestor"
  | "switch"
  | "id";

export interface FieldSpec {
  path: readonly string[];
  kind: FieldKind;
  label: string;
  help?: string;
  required?: boolean;
  /** What it is when it is not set; shown as such. */
  fallback?: Json;
  choices?: readonly (readonly [value: string, label: string])[];
  min?: number;
  max?: number;
  placeholder?: string;
  rows?: number;
  /** What a `switch` puts there when it is turned on. */
  on?: Json;
  when?: (node: WorkflowNode, attached: boolean) => boolean;
}

export interface FieldGroup {
  title: string;
  /** Closed at first, unless something in it is set. */
  folded?: boolean;
  fields: readonly FieldSpec[];
  when?: (node: WorkflowNode, attached: boolean) => boolean;
}

const SCOPES = [
  ["execution", "this run"],
  ["workflow", "all runs of this workflow"],
  ["global", "everything"],
] as const;

const METHODS = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"].map((name) => [name, name] as const);

const is = (path: readonly string[], value: Json) => (node: WorkflowNode) =>
  getAt(node as unknown as Json, path) === value;
const has = (path: readonly string[]) => (node: WorkflowNode) => {
  const value = getAt(node as unknown as Json, path);
  return value !== undefined && value !== null;
};
const tool = (name: string) => is(["config", "tool"], name);
const isAttached = (_: WorkflowNode, attached: boolean) => attached;

const IDENTITY: FieldGroup = {
  title: "Node",
  fields: [
    { path: ["name"], kind: "text", label: "Name" },
    {
      path: ["id"],
      kind: "id",
      label: "Id",
      help: "Templates refer to the node by it; changing it here changes them, too.",
    },
  ],
};

const AGENT: FieldGroup[] = [
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

const TOOL: FieldGroup[] = [
  {
    title: "Request",
    when: tool("http_request"),
    fields: [
      { path: ["config", "method"], kind: "choice", label: "Method", choices: METHODS, fallback: "GET" },
      {
        path: ["config", "url"],
        kind: "template",
        label: "Address",
        required: true,
        rows: 1,
        placeholder: "https://example.com/{{ inputs.topic | urlencode }}",
      },
      { path: ["config", "headers"], kind: "templates", label: "Headers" },
      {
        path: ["config", "body"],
        kind: "json",
        label: "Body",
        help: "JSON; texts in it are templates. Plain text is sent as it is.",
      },
      {
        path: ["config", "fail_on_error_status"],
        kind: "boolean",
        label: "Fail on status 400 and above",
        fallback: true,
      },
    ],
  },
  {
    title: "Scraper",
    when: tool("scraper"),
    fields: [{ path: ["config", "job_id"], kind: "text", label: "Scraper's id", required: true }],
  },
  {
    title: "Store",
    when: tool("memory_store"),
    fields: [
      { path: ["config", "text"], kind: "template", label: "Text", required: true, rows: 4 },
      { path: ["config", "scope"], kind: "choice", label: "For whom", choices: SCOPES, fallback: "execution" },
      { path: ["config", "metadata"], kind: "templates", label: "Metadata" },
    ],
  },
  {
    title: "Recall",
    when: tool("memory_recall"),
    fields: [
      { path: ["config", "query"], kind: "template", label: "What to look up", required: true, rows: 2 },
      { path: ["config", "top_k"], kind: "integer", label: "Most entries", fallback: 5, min: 1 },
      { path: ["config", "scope"], kind: "choice", label: "Where to look", choices: SCOPES, fallback: "execution" },
    ],
  },
  {
    title: "Python",
    when: tool("python"),
    fields: [
      {
        path: ["config", "code"],
        kind: "code",
        label: "Code",
        required: true,
        rows: 10,
        help: "Defines run(inputs). Runs in the sandbox, without templates in it.",
      },
      { path: ["config", "inputs"], kind: "templates", label: "Inputs of run" },
    ],
  },
  {
    title: "Template",
    when: tool("template"),
    fields: [{ path: ["config", "template"], kind: "template", label: "Text", required: true, rows: 8 }],
  },
  {
    title: "As an agent's tool",
    when: isAttached,
    fields: [
      {
        path: ["config", "description"],
        kind: "longtext",
        label: "What it does, for the model",
        rows: 2,
      },
      {
        path: ["config", "parameters"],
        kind: "schema",
        label: "Arguments",
        help: "What the model passes; templates see it as `args`.",
      },
    ],
  },
];

const CONDITIONAL: FieldGroup[] = [
  { title: "Cases", fields: [{ path: ["config", "cases"], kind: "cases", label: "Cases", required: true }] },
];

const FAILS: FieldGroup = {
  title: "When it fails",
  folded: true,
  when: (node) => node.type !== "conditional",
  fields: [
    { path: ["policy", "timeout_seconds"], kind: "number", label: "Time for one try, seconds", fallback: 60, min: 0 },
    { path: ["policy", "retry", "max_attempts"], kind: "integer", label: "Tries", fallback: 3, min: 1, max: 100 },
    {
      path: ["policy", "retry", "initial_interval_ms"],
      kind: "milliseconds",
      label: "First wait, milliseconds",
      fallback: 500,
      min: 0,
    },
    {
      path: ["policy", "retry", "factor"],
      kind: "number",
      label: "Each wait longer by",
      fallback: 2,
      min: 1,
      max: 100,
    },
    {
      path: ["policy", "retry", "max_interval_ms"],
      kind: "milliseconds",
      label: "Longest wait, milliseconds",
      fallback: 60_000,
      min: 0,
    },
    { path: ["policy", "retry", "jitter"], kind: "boolean", label: "Vary the waits a little", fallback: true },
    {
      path: ["policy", "on_error"],
      kind: "choice",
      label: "If it still fails",
      fallback: "fail",
      choices: [
        ["fail", "the run fails"],
        ["continue", "go on with null"],
        ["default", "go on with a default output"],
      ],
    },
    {
      path: ["policy", "default_output"],
      kind: "json",
      label: "Default output",
      when: is(["policy", "on_error"], "default"),
    },
    {
      path: ["config", "idempotent"],
      kind: "boolean",
      label: "Doing it twice does no harm",
      fallback: false,
      when: (node) => node.type === "tool",
    },
  ],
};

const REVIEW: FieldGroup = {
  title: "Sending back",
  folded: true,
  when: (node) => node.type === "agent",
  fields: [
    {
      path: ["policy", "backtrack", "to"],
      kind: "ancestor",
      label: "If the checks reject it, do again",
      help: "An earlier step gets the reason as `feedback` and is done again, with what depends on it.",
    },
    {
      path: ["policy", "backtrack", "max"],
      kind: "integer",
      label: "At most, times",
      fallback: 2,
      min: 1,
      max: 100,
      when: has(["policy", "backtrack", "to"]),
    },
  ],
};

const LIMITS: FieldGroup = {
  title: "Budget and start",
  folded: true,
  fields: [
    {
      path: ["policy", "budget_usd"],
      kind: "usd",
      label: "Budget of this node, US dollars",
      placeholder: "only the run's",
      when: (node) => node.type === "agent",
    },
    {
      path: ["policy", "join"],
      kind: "choice",
      label: "Starts when",
      fallback: "all",
      choices: [
        ["all", "all inputs are settled"],
        ["any", "the first input arrives"],
      ],
    },
  ],
};

/** Everything that can be set at a node, in groups; what does not apply to it is left out. */
export function groupsOf(node: WorkflowNode, attached: boolean): FieldGroup[] {
  const own = node.type === "agent" ? AGENT : node.type === "tool" ? TOOL : CONDITIONAL;
  const groups = attached ? [IDENTITY, ...own, FAILS] : [IDENTITY, ...own, FAILS, REVIEW, LIMITS];
  return groups.flatMap((group) => {
    if (group.when && !group.when(node, attached)) return [];
    const fields = group.fields.filter((field) => !field.when || field.when(node, attached));
    return fields.length === 0 ? [] : [{ ...group, fields }];
  });
}

/** Whether something in a group was set by hand. */
export function isTouched(node: WorkflowNode, group: FieldGroup): boolean {
  return group.fields.some((field) => getAt(node as unknown as Json, field.path) !== undefined);
}
