// What a document's graph says: ways out and in, ancestors, what may be connected to what. Not here: changing it (ops).
import type { WorkflowDocument, WorkflowEdge, WorkflowNode } from "../api/types";

/** The way into an agent through which tools are attached. */
export const TOOLS = "tools";

export interface Connection {
  source: string;
  target: string;
  /** A conditional's case; null for every other way out. */
  sourceHandle: string | null;
  /** `tools`, or null for the ordinary way in. */
  targetHandle: string | null;
}

export function isAttachment(edge: Pick<WorkflowEdge, "target_handle">): boolean {
  return edge.target_handle === TOOLS;
}

export function nodeById(document: WorkflowDocument, id: string | null): WorkflowNode | undefined {
  return id === null ? undefined : document.graph.nodes.find((node) => node.id === id);
}

/** Names of a conditional's ways out, in order, `else` last; [] for other nodes. */
export function casesOf(node: WorkflowNode): string[] {
  if (node.type !== "conditional") return [];
  const { cases } = node.config;
  const handles = Array.isArray(cases)
    ? cases.flatMap((entry) =>
        typeof entry === "object" && entry !== null && !Array.isArray(entry) && typeof entry.handle === "string"
          ? [entry.handle]
          : [],
      )
    : [];
  const last = typeof node.config.else === "string" && node.config.else !== "" ? node.config.else : "else";
  return [...new Set([...handles.filter((handle) => handle !== ""), last])];
}

/** Tools that are attached to an agent, and so are no steps. */
export function attachedIds(document: WorkflowDocument): ReadonlySet<string> {
  return new Set(document.graph.edges.filter(isAttachment).map((edge) => edge.source));
}

export interface Neighbours {
  incoming: ReadonlyMap<string, WorkflowEdge[]>;
  outgoing: ReadonlyMap<string, WorkflowEdge[]>;
}

export function neighboursOf(document: WorkflowDocument): Neighbours {
  const incoming = new Map<string, WorkflowEdge[]>();
  const outgoing = new Map<string, WorkflowEdge[]>();
  for (const edge of document.graph.edges) {
    const into = incoming.get(edge.target);
    if (into) into.push(edge);
    else incoming.set(edge.target, [edge]);
    const out = outgoing.get(edge.source);
    if (out) out.push(edge);
    else outgoing.set(edge.source, [edge]);
  }
  return { incoming, outgoing };
}

function reach(start: readonly string[], next: (id: string) => readonly string[]): Set<string> {
  const found = new Set<string>();
  const waiting = [...start];
  for (let id = waiting.pop(); id !== undefined; id = waiting.pop()) {
    for (const other of next(id)) {
      if (found.has(other)) continue;
      found.add(other);
      waiting.push(other);
    }
  }
  return found;
}

/** Steps that are over before this node starts. An attached tool has its agent's ancestors. */
export function ancestorsOf(document: WorkflowDocument, id: string): ReadonlySet<string> {
  const { incoming, outgoing } = neighboursOf(document);
  const agents = (outgoing.get(id) ?? []).filter(isAttachment).map((edge) => edge.target);
  const from = agents.length > 0 ? agents : [id];
  return reach(from, (node) =>
    (incoming.get(node) ?? []).filter((edge) => !isAttachment(edge)).map((edge) => edge.source),
  );
}

/** Steps that depend on this node. */
export function descendantsOf(document: WorkflowDocument, id: string): ReadonlySet<string> {
  const { outgoing } = neighboursOf(document);
  return reach([id], (node) =>
    (outgoing.get(node) ?? []).filter((edge) => !isAttachment(edge)).map((edge) => edge.target),
  );
}

/** Why two nodes cannot be connected like this, in a sentence; null if they can. */
export function whyNot(document: WorkflowDocument, wanted: Connection): string | null {
  const source = nodeById(document, wanted.source);
  const target = nodeById(document, wanted.target);
  if (!source || !target) return "That node does not exist.";
  if (source.id === target.id) return "A node cannot follow itself.";
  const { edges } = document.graph;
  const attaching = wanted.targetHandle === TOOLS;
  if (attaching) {
    if (target.type !== "agent") return "Only agents take tools.";
    if (source.type !== "tool") return "Only tools can be attached to an agent.";
    if (edges.some((edge) => !isAttachment(edge) && (edge.source === source.id || edge.target === source.id))) {
      return "This tool is a step already. Use a second node, or remove its connections.";
    }
  } else {
    const attached = attachedIds(document);
    if (attached.has(source.id)) return "This tool is attached to an agent; it is no step.";
    if (attached.has(target.id)) return "That tool is attached to an agent; it is no step.";
    if (source.type === "conditional" && !casesOf(source).includes(wanted.sourceHandle ?? "")) {
      return "A conditional needs one of its cases.";
    }
  }
  const twice = edges.some(
    (edge) =>
      edge.source === source.id &&
      edge.target === target.id &&
      (edge.source_handle ?? null) === wanted.sourceHandle &&
      (edge.target_handle ?? null) === wanted.targetHandle,
  );
  if (twice) return "They are connected already.";
  if (!attaching && descendantsOf(document, target.id).has(source.id)) {
    return "This would be a circle: that node comes before this one.";
  }
  return null;
}

/** Everything a node may be connected to from one of its ways out. */
export function targetsFrom(document: WorkflowDocument, source: string, sourceHandle: string | null): Connection[] {
  const found: Connection[] = [];
  for (const node of document.graph.nodes) {
    for (const targetHandle of node.type === "agent" ? [null, TOOLS] : [null]) {
      const wanted = { source, target: node.id, sourceHandle, targetHandle };
      if (whyNot(document, wanted) === null) found.push(wanted);
    }
  }
  return found;
}

/** Steps in the order in which they can run; nodes of a circle last. Attached tools follow their agent. */
export function orderOf(document: WorkflowDocument): string[] {
  const { incoming, outgoing } = neighboursOf(document);
  const attached = attachedIds(document);
  const waiting = new Map<string, number>();
  for (const node of document.graph.nodes) {
    waiting.set(node.id, (incoming.get(node.id) ?? []).filter((edge) => !isAttachment(edge)).length);
  }
  const order: string[] = [];
  const done = new Set<string>();
  const ready = document.graph.nodes.filter((node) => waiting.get(node.id) === 0 && !attached.has(node.id));
  const queue = ready.map((node) => node.id);
  const take = (id: string) => {
    if (done.has(id)) return;
    done.add(id);
    order.push(id);
    for (const edge of incoming.get(id) ?? []) if (isAttachment(edge)) take(edge.source);
  };
  for (let index = 0; index < queue.length; index += 1) {
    const id = queue[index] as string;
    take(id);
    for (const edge of outgoing.get(id) ?? []) {
      if (isAttachment(edge)) continue;
      const left = (waiting.get(edge.target) ?? 0) - 1;
      waiting.set(edge.target, left);
      if (left === 0) queue.push(edge.target);
    }
  }
  for (const node of document.graph.nodes) take(node.id);
  return order;
}
