// What can be set at a tool, by what it does.
import type { WorkflowNode } from "../../api/types";
import { type FieldGroup, is, SCOPES } from "./spec";

const METHODS = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"].map((name) => [name, name] as const);

const tool = (name: string) => is(["config", "tool"], name);
const isAttached = (_: WorkflowNode, attached: boolean) => attached;

export const TOOL: FieldGroup[] = [
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
    fields: [
      {
        path: ["config", "job_id"],
        kind: "scraper",
        label: "Scraper",
        required: true,
        help: "The output is its records: nodes.<id>.output.data, a list.",
      },
    ],
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
        placeholder: "def run(inputs):\n    return {}",
        help: "Defines run(inputs); what it returns is the output. It runs in the sandbox: 30 s, 512 MB, no network. Nothing in it is a template.",
      },
      {
        path: ["config", "inputs"],
        kind: "templates",
        label: "Inputs of run",
        help: 'Each is a template; run finds what it gives as text in inputs["name"]. For lists and objects use the filter tojson, and json.loads in the code.',
      },
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
