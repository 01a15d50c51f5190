// Changes of a document: pure functions from one document to the next, sharing whatever stays the same. Not here: undo
// (store), what may be connected (graph).
import type { Json, JsonObject, WorkflowDocument, WorkflowEdge, WorkflowNode } from "../api/types";
import type { Kind } from "./catalog";
import { type Connection, casesOf, isAttachment } from "./graph";
import { renameReference } from "./references";

export interface Point {
  x: number;
  y: number;
}

function withGraph(
  document: WorkflowDocument,
  nodes: WorkflowNode[],
  edges: WorkflowEdge[] = document.graph.edges,
): WorkflowDocument {
  return { ...document, graph: { ...document.graph, nodes, edges } };
}

export function freeId(base: string, taken: ReadonlySet<string>): string {
  const clean = base.replace(/[^A-Za-z0-9_]/g, "_").replace(/^(?=\d)/, "_");
  const stem = (clean === "" ? "node" : clean).slice(0, 56);
  if (!taken.has(stem)) return stem;
  const bare = stem.replace(/_\d+$/, "");
  for (let count = 2; ; count += 1) {
    if (!taken.has(`${bare}_${count}`)) return `${bare}_${count}`;
  }
}

export function freeEdgeId(edges: readonly WorkflowEdge[]): string {
  const taken = new Set(edges.map((edge) => edge.id));
  for (let count = edges.length + 1; ; count += 1) {
    if (!taken.has(`e${count}`)) return `e${count}`;
  }
}

/** Gives every edge an id of its own, which the canvas needs and old files may lack. */
export function normalized(document: WorkflowDocument): WorkflowDocument {
  const edges = document.graph.edges ?? [];
  const seen = new Set<string>();
  const good = edges.every((edge) => {
    const fine = typeof edge.id === "string" && edge.id !== "" && !seen.has(edge.id);
    seen.add(edge.id ?? "");
    return fine;
  });
  if (good && document.graph.edges) return document;
  const next: WorkflowEdge[] = [];
  const used = new Set<string>();
  for (const edge of edges) {
    const id = edge.id && !used.has(edge.id) ? edge.id : freeEdgeId([...edges, ...next]);
    used.add(id);
    next.push({ ...edge, id });
  }
  return withGraph(document, document.graph.nodes, next);
}

export function addNode(
  document: WorkflowDocument,
  kind: Kind,
  position: Point,
): { document: WorkflowDocument; id: string } {
  const id = freeId(kind.id, new Set(document.graph.nodes.map((node) => node.id)));
  const number = /_(\d+)$/.exec(id)?.[1];
  const node: WorkflowNode = {
    id,
    type: kind.type,
    name: number === undefined ? kind.label : `${kind.label} ${number}`,
    position,
    config: structuredClone(kind.config),
  };
  return { document: withGraph(document, [...document.graph.nodes, node]), id };
}

export function connect(document: WorkflowDocument, wanted: Connection): WorkflowDocument {
  const edge: WorkflowEdge = {
    id: freeEdgeId(document.graph.edges),
    source: wanted.source,
    target: wanted.target,
    ...(wanted.sourceHandle === null ? {} : { source_handle: wanted.sourceHandle }),
    ...(wanted.targetHandle === null ? {} : { target_handle: wanted.targetHandle }),
  };
  return withGraph(document, document.graph.nodes, [...document.graph.edges, edge]);
}

export function remove(
  document: WorkflowDocument,
  nodes: ReadonlySet<string>,
  edges: ReadonlySet<string>,
): WorkflowDocument {
  return withGraph(
    document,
    nodes.size === 0 ? document.graph.nodes : document.graph.nodes.filter((node) => !nodes.has(node.id)),
    document.graph.edges.filter(
      (edge) => !edges.has(edge.id ?? "") && !nodes.has(edge.source) && !nodes.has(edge.target),
    ),
  );
}

/** Puts a new node in the middle of an edge: both its ends stay connected, through the node. */
export function insertInto(
  document: WorkflowDocument,
  edge: WorkflowEdge,
  kind: Kind,
  position: Point,
): { document: WorkflowDocument; id: string } {
  const added = addNode(document, kind, position);
  const bare = remove(added.document, new Set(), new Set([edge.id ?? ""]));
  const first = connect(bare, {
    source: edge.source,
    target: added.id,
    sourceHandle: edge.source_handle ?? null,
    targetHandle: null,
  });
  const node = first.graph.nodes.find((one) => one.id === added.id);
  const out = node ? (casesOf(node)[0] ?? null) : null;
  return {
    id: added.id,
    document: connect(first, { source: added.id, target: edge.target, sourceHandle: out, targetHandle: null }),
  };
}

export function updateNode(
  document: WorkflowDocument,
  id: string,
  change: (node: WorkflowNode) => WorkflowNode,
): WorkflowDocument {
  let changed = false;
  const nodes = document.graph.nodes.map((node) => {
    if (node.id !== id) return node;
    const next = change(node);
    changed ||= next !== node;
    return next;
  });
  return changed ? withGraph(document, nodes) : document;
}

export function move(document: WorkflowDocument, to: ReadonlyMap<string, Point>): WorkflowDocument {
  if (to.size === 0) return document;
  return withGraph(
    document,
    document.graph.nodes.map((node) => {
      const position = to.get(node.id);
      return position ? { ...node, position: { x: Math.round(position.x), y: Math.round(position.y) } } : node;
    }),
  );
}

/** Sets, or with undefined removes, what is at a path below an object; empty objects on the way are removed with it. */
export function setAt(object: JsonObject, path: readonly string[], value: Json | undefined): JsonObject {
  const [first, ...rest] = path;
  if (first === undefined) return object;
  const { [first]: before, ...others } = object;
  if (rest.length === 0) {
    if (value === undefined) return first in object ? others : object;
    return { ...object, [first]: value };
  }
  const inner = typeof before === "object" && before !== null && !Array.isArray(before) ? before : {};
  const next = setAt(inner, rest, value);
  if (Object.keys(next).length === 0 && value === undefined) return others;
  return { ...object, [first]: next };
}

export function getAt(object: Json | undefined, path: readonly string[]): Json | undefined {
  let value: Json | undefined = object;
  for (const name of path) {
    if (typeof value !== "object" || value === null || Array.isArray(value)) return undefined;
    value = value[name];
  }
  return value;
}

/** Sets a field of a node: `["config", "prompt"]`, `["policy", "retry", "max_attempts"]`, `["name"]`. */
export function setField(
  document: WorkflowDocument,
  id: string,
  path: readonly string[],
  value: Json | undefined,
): WorkflowDocument {
  return updateNode(document, id, (node) => {
    const next = setAt(node as unknown as JsonObject, path, value) as unknown as WorkflowNode;
    return next.config === undefined ? { ...next, config: {} } : next;
  });
}

/** Changes a conditional's ways out; edges follow a case that was renamed and go with one that was removed. */
export function setCases(
  document: WorkflowDocument,
  id: string,
  cases: { handle: string; when: string; was: string | null }[],
  otherwise: { handle: string; was: string },
): WorkflowDocument {
  const renamed = new Map<string, string>();
  for (const one of cases) if (one.was !== null) renamed.set(one.was, one.handle);
  renamed.set(otherwise.was, otherwise.handle);
  const changed = updateNode(document, id, (node) => ({
    ...node,
    config: { ...node.config, cases: cases.map(({ handle, when }) => ({ handle, when })), else: otherwise.handle },
  }));
  const edges = changed.graph.edges.flatMap((edge): WorkflowEdge[] => {
    if (edge.source !== id || edge.source_handle === undefined) return [edge];
    const handle = renamed.get(edge.source_handle);
    if (handle === undefined) return [];
    return handle === edge.source_handle ? [edge] : [{ ...edge, source_handle: handle }];
  });
  return withGraph(changed, changed.graph.nodes, edges);
}

export const NODE_ID = /^[A-Za-z_][A-Za-z0-9_]{0,62}$/;

/** Changes a node's id everywhere: edges, templates, conditions, backtracking. */
export function changeId(document: WorkflowDocument, from: string, to: string): WorkflowDocument {
  if (from === to || document.graph.nodes.some((node) => node.id === to)) return document;
  const nodes = document.graph.nodes.map((node) =>
    renameReference(node.id === from ? { ...node, id: to } : node, from, to),
  );
  const edges = document.graph.edges.map((edge) =>
    edge.source === from || edge.target === from
      ? { ...edge, source: edge.source === from ? to : edge.source, target: edge.target === from ? to : edge.target }
      : edge,
  );
  return withGraph(document, nodes, edges);
}

/** Which way tools of an agent leave when they stop being attached: none; so their edges are simply dropped. */
export function detachTools(document: WorkflowDocument, agent: string): WorkflowDocument {
  return withGraph(
    document,
    document.graph.nodes,
    document.graph.edges.filter((edge) => !(edge.target === agent && isAttachment(edge))),
  );
}
