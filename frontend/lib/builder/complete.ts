// What can be written in a template or condition at a node: `inputs.…`, outputs of its ancestors by their stable ids, and
// what only some places know. Shapes come from schemas, from the tools' fixed answers, and from the last run's data.
import type { Json, JsonObject, WorkflowDocument, WorkflowNode } from "../api/types";
import { nameOf } from "../nodes";
import { ancestorsOf, attachedIds, isAttachment, orderOf } from "./graph";
import { isObject } from "./json";

export type Language = "template" | "condition";

export interface Candidate {
  text: string;
  /** What it is, in a word or two. */
  detail: string;
}

export interface Sample {
  inputs?: Json | undefined;
  /** Outputs of the last run by node. */
  outputs: ReadonlyMap<string, Json>;
}

export const NO_SAMPLE: Sample = { outputs: new Map() };

const DEPTH = 4;
const MOST_PER_NODE = 40;
const IDENTIFIER = /^[A-Za-z_][A-Za-z0-9_]*$/;

const member = (path: string, name: string) =>
  IDENTIFIER.test(name) ? `${path}.${name}` : `${path}[${JSON.stringify(name)}]`;

function typeWord(schema: JsonObject): string {
  if (Array.isArray(schema.enum)) return "one of a list";
  return typeof schema.type === "string" ? schema.type : "value";
}

function fromSchema(path: string, schema: Json | undefined, found: Map<string, string>, depth = 0): void {
  if (!isObject(schema) || depth >= DEPTH || found.size >= MOST_PER_NODE) return;
  if (isObject(schema.properties)) {
    for (const [name, property] of Object.entries(schema.properties)) {
      const inner = member(path, name);
      found.set(inner, isObject(property) ? typeWord(property) : "value");
      fromSchema(inner, property, found, depth + 1);
    }
  }
  if (schema.type === "array") fromSchema(`${path}[0]`, schema.items, found, depth + 1);
}

function fromValue(path: string, value: Json | undefined, found: Map<string, string>, depth = 0): void {
  if (depth >= DEPTH || found.size >= MOST_PER_NODE) return;
  if (Array.isArray(value)) {
    if (value.length > 0) fromValue(`${path}[0]`, value[0], found, depth + 1);
    return;
  }
  if (!isObject(value)) return;
  for (const [name, inner] of Object.entries(value)) {
    const here = member(path, name);
    if (!found.has(here)) found.set(here, Array.isArray(inner) ? "array" : inner === null ? "null" : typeof inner);
    fromValue(here, inner, found, depth + 1);
    if (found.size >= MOST_PER_NODE) return;
  }
}

const TOOL_OUTPUTS: Record<string, Record<string, string>> = {
  http_request: { status: "number", headers: "object", body: "parsed if JSON" },
  scraper: { data: "array" },
  memory_store: { id: "string" },
  memory_recall: { entries: "array", "entries[0].text": "string", "entries[0].score": "number" },
  template: { text: "string" },
};

/** Paths below a node's `output`. */
export function outputPaths(node: WorkflowNode, path: string, last: Json | undefined): Map<string, string> {
  const found = new Map<string, string>();
  if (node.type === "conditional") found.set(`${path}.handle`, "the way taken");
  else if (node.type === "agent") {
    if (isObject(node.config.output_schema)) fromSchema(path, node.config.output_schema, found);
    else found.set(`${path}.text`, "string");
  } else {
    for (const [name, detail] of Object.entries(TOOL_OUTPUTS[String(node.config.tool)] ?? {})) {
      found.set(`${path}.${name}`, detail);
    }
  }
  fromValue(path, last, found);
  return found;
}

export interface Place {
  node: string;
  language: Language;
  /** The field, such as `prompt` or `checks`: checks also see the node's own `output`. */
  field: string;
}

/** Everything that can be referred to at a place, nearest ancestors first. */
export function candidatesAt(document: WorkflowDocument, place: Place, sample: Sample = NO_SAMPLE): Candidate[] {
  const found: Candidate[] = [];
  const add = (paths: ReadonlyMap<string, string>, of: string) => {
    for (const [text, detail] of paths) found.push({ text, detail: of === "" ? detail : `${of} · ${detail}` });
  };
  const node = document.graph.nodes.find((one) => one.id === place.node);
  if (node && place.field === "checks") {
    found.push({ text: "output", detail: "this node's answer" });
    add(outputPaths(node, "output", sample.outputs.get(node.id)), "this node");
  }
  const attached = node !== undefined && attachedIds(document).has(node.id);
  if (attached && node) {
    const args = new Map<string, string>();
    fromSchema("args", node.config.parameters, args);
    add(args, "argument");
  }
  const inputs = new Map<string, string>();
  fromSchema("inputs", document.inputs, inputs);
  fromValue("inputs", sample.inputs, inputs);
  add(inputs, "input");
  const ancestors = ancestorsOf(document, place.node);
  const nearestFirst = orderOf(document)
    .filter((id) => ancestors.has(id))
    .reverse();
  const nodes = new Map(document.graph.nodes.map((one) => [one.id, one]));
  for (const id of nearestFirst) {
    const ancestor = nodes.get(id);
    if (!ancestor) continue;
    found.push({ text: `nodes.${id}.output`, detail: nameOf(ancestor, id).slice(0, 60) });
    add(outputPaths(ancestor, `nodes.${id}.output`, sample.outputs.get(id)), nameOf(ancestor, id).slice(0, 60));
  }
  found.push({ text: "execution.id", detail: "the run's id" });
  if (node && node.type !== "conditional") {
    found.push({ text: "feedback", detail: "null on a first run" });
    found.push({ text: "feedback.message", detail: "why it was sent back" });
    found.push({ text: "feedback.rejected_output", detail: "the former answer" });
  }
  if (node?.type === "agent" && isObject(node.config.memory) && isObject(node.config.memory.recall)) {
    found.push({ text: "memory", detail: "what was recalled" });
  }
  return found;
}

export const FILTERS: readonly Candidate[] = [
  { text: "upper", detail: "filter" },
  { text: "lower", detail: "filter" },
  { text: "trim", detail: "filter" },
  { text: "length", detail: "filter" },
  { text: "first", detail: "filter" },
  { text: "last", detail: "filter" },
  { text: 'join(", ")', detail: "filter" },
  { text: 'default("")', detail: "filter" },
  { text: "tojson", detail: "filter" },
  { text: "urlencode", detail: "filter" },
];

export const FUNCTIONS: readonly Candidate[] = [
  { text: "size(", detail: "length of a text or list" },
  { text: ".contains(", detail: "text holds" },
  { text: ".startsWith(", detail: "text begins with" },
  { text: ".endsWith(", detail: "text ends with" },
  { text: ".matches(", detail: "regular expression" },
];

export interface Completion {
  /** Where in the text the chosen candidate begins; it replaces everything up to the cursor. */
  from: number;
  candidates: Candidate[];
  /** Braces that are missing around it. */
  wrap: boolean;
}

/** What can come at a position. Templates complete between braces, or after an opening brace. */
export function completionAt(
  text: string,
  position: number,
  language: Language,
  candidates: readonly Candidate[],
  explicit: boolean,
): Completion | null {
  const before = text.slice(0, position);
  if (language === "template") {
    const open = Math.max(before.lastIndexOf("{{"), before.lastIndexOf("{%"));
    const close = Math.max(before.lastIndexOf("}}"), before.lastIndexOf("%}"));
    if (open < 0 || close > open) {
      return explicit ? { from: position, candidates: [...candidates], wrap: true } : null;
    }
    const filter = /\|\s*([A-Za-z_]*)$/.exec(before);
    if (filter) return { from: position - (filter[1]?.length ?? 0), candidates: [...FILTERS], wrap: false };
  }
  const word = /[A-Za-z_][A-Za-z0-9_.[\]"']*$/.exec(before)?.[0] ?? "";
  const opened = language === "template" && /\{[{%]\s*$/.test(before);
  if (word === "" && !explicit && !opened) return null;
  const fitting = candidates.filter((one) => one.text.toLowerCase().includes(word.toLowerCase()) && one.text !== word);
  fitting.sort((a, b) => Number(b.text.startsWith(word)) - Number(a.text.startsWith(word)));
  const functions = language === "condition" ? FUNCTIONS.filter((one) => one.text.startsWith(word) && word !== "") : [];
  const all = [...fitting, ...functions];
  return all.length === 0 ? null : { from: position - word.length, candidates: all, wrap: false };
}

/** Tools attached to an agent, in the document's order. */
export function toolsOf(document: WorkflowDocument, agent: string): string[] {
  return document.graph.edges.filter((edge) => edge.target === agent && isAttachment(edge)).map((edge) => edge.source);
}
