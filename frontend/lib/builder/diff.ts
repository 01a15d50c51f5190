// The difference between two documents as a list that people can read: what came, what went, which fields changed from what
// to what. Positions count as one line. Not here: drawing it.
import type { Json, WorkflowDocument, WorkflowEdge, WorkflowNode } from "../api/types";
import { titleOf } from "../format/text";
import { nameOf } from "../nodes";
import { isObject, sameJson } from "./json";

export interface FieldChange {
  /** `Prompt`, `Retry: max attempts`. */
  field: string;
  before: Json | undefined;
  after: Json | undefined;
}

export interface Change {
  kind: "added" | "removed" | "changed";
  /** `Agent “Draft”`, `Connection draft → check`, `The workflow`. */
  what: string;
  node: string | null;
  fields: FieldChange[];
}

function fieldsBetween(before: Json | undefined, after: Json | undefined, path: string[]): FieldChange[] {
  if (sameJson(before, after)) return [];
  const deeper = path.length < 3 && path.at(-1) !== "output_schema" && path.at(-1) !== "inputs";
  if (deeper && isObject(before) && isObject(after)) {
    const names = [...new Set([...Object.keys(before), ...Object.keys(after)])];
    return names.flatMap((name) => fieldsBetween(before[name], after[name], [...path, name]));
  }
  const words = path.filter((name) => name !== "config" && name !== "policy").map(titleOf);
  const [first = "", ...rest] = words;
  return [{ field: [first, ...rest.map((word) => word.toLowerCase())].join(": "), before, after }];
}

function nodeWords(node: WorkflowNode): string {
  const kind = node.type === "agent" ? "Agent" : node.type === "conditional" ? "Conditional" : "Tool";
  return `${kind} “${nameOf(node, node.id).slice(0, 80)}”`;
}

function edgeWords(edge: WorkflowEdge): string {
  const from = edge.source_handle ? `${edge.source} (${edge.source_handle})` : edge.source;
  const to = edge.target_handle ? `${edge.target} (${edge.target_handle})` : edge.target;
  return `Connection ${from} → ${to}`;
}

const edgeKey = (edge: WorkflowEdge) =>
  JSON.stringify([edge.source, edge.source_handle ?? null, edge.target, edge.target_handle ?? null]);

export function difference(before: WorkflowDocument, after: WorkflowDocument): Change[] {
  const changes: Change[] = [];
  const { graph: _before, ...outerBefore } = before;
  const { graph: _after, ...outerAfter } = after;
  const outer = fieldsBetween(outerBefore as unknown as Json, outerAfter as unknown as Json, []);
  if (outer.length > 0) changes.push({ kind: "changed", what: "The workflow", node: null, fields: outer });

  const old = new Map(before.graph.nodes.map((node) => [node.id, node]));
  let moved = 0;
  for (const node of after.graph.nodes) {
    const was = old.get(node.id);
    old.delete(node.id);
    if (!was) {
      changes.push({ kind: "added", what: nodeWords(node), node: node.id, fields: [] });
      continue;
    }
    if (!sameJson(was.position, node.position)) moved += 1;
    const { position: _was, id: _wasId, ...a } = was;
    const { position: _is, id: _isId, ...b } = node;
    const fields = fieldsBetween(a as unknown as Json, b as unknown as Json, []);
    if (fields.length > 0) changes.push({ kind: "changed", what: nodeWords(node), node: node.id, fields });
  }
  for (const node of old.values()) changes.push({ kind: "removed", what: nodeWords(node), node: node.id, fields: [] });

  const edges = new Map(before.graph.edges.map((edge) => [edgeKey(edge), edge]));
  for (const edge of after.graph.edges) {
    if (!edges.delete(edgeKey(edge))) changes.push({ kind: "added", what: edgeWords(edge), node: null, fields: [] });
  }
  for (const edge of edges.values()) changes.push({ kind: "removed", what: edgeWords(edge), node: null, fields: [] });
  if (moved > 0) {
    const what = moved === 1 ? "One node was moved" : `${moved.toLocaleString("en-US")} nodes were moved`;
    changes.push({ kind: "changed", what, node: null, fields: [] });
  }
  return changes;
}

/** `2 added, 1 changed`; `no difference`. */
export function summary(changes: readonly Change[]): string {
  const parts = (["added", "changed", "removed"] as const).flatMap((kind) => {
    const count = changes.filter((change) => change.kind === kind).length;
    return count === 0 ? [] : [`${count} ${kind}`];
  });
  return parts.length === 0 ? "no difference" : parts.join(", ");
}
