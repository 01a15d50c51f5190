// Parts of a workflow as text, to be pasted here or in another tab: nodes with the edges between them. Pasted nodes get
// free ids, and their references to each other follow. Not here: the browser's clipboard.
import type { WorkflowDocument, WorkflowEdge, WorkflowNode } from "../api/types";
import { freeEdgeId, freeId, NODE_ID, type Point } from "./ops";
import { renameReference } from "./references";

const KIND = "nexus-nodes";

interface Clip {
  kind: typeof KIND;
  nodes: WorkflowNode[];
  edges: WorkflowEdge[];
}

export function copyText(document: WorkflowDocument, ids: ReadonlySet<string>): string {
  const clip: Clip = {
    kind: KIND,
    nodes: document.graph.nodes.filter((node) => ids.has(node.id)),
    edges: document.graph.edges.filter((edge) => ids.has(edge.source) && ids.has(edge.target)),
  };
  return JSON.stringify(clip, null, 2);
}

function isNode(value: unknown): value is WorkflowNode {
  const node = value as Partial<WorkflowNode> | null;
  return (
    typeof node === "object" &&
    node !== null &&
    typeof node.id === "string" &&
    NODE_ID.test(node.id) &&
    (node.type === "agent" || node.type === "tool" || node.type === "conditional") &&
    typeof node.config === "object" &&
    node.config !== null
  );
}

/** What a text holds, if it is a clip, a whole workflow document, or nothing of ours (null). */
export function readClip(text: string): { nodes: WorkflowNode[]; edges: WorkflowEdge[] } | null {
  if (!text.trimStart().startsWith("{")) return null;
  let value: { kind?: unknown; nodes?: unknown; edges?: unknown; graph?: { nodes?: unknown; edges?: unknown } };
  try {
    value = JSON.parse(text);
  } catch {
    return null;
  }
  const graph = value.kind === KIND ? value : value.graph;
  if (!graph || !Array.isArray(graph.nodes)) return null;
  const nodes = graph.nodes.filter(isNode);
  const ids = new Set(nodes.map((node) => node.id));
  const edges = (Array.isArray(graph.edges) ? (graph.edges as WorkflowEdge[]) : []).filter(
    (edge) => ids.has(edge?.source) && ids.has(edge?.target),
  );
  return nodes.length === 0 ? null : { nodes, edges };
}

/** Adds a clip's nodes, the upper left one at `at` or a little beside where they came from. */
export function paste(
  document: WorkflowDocument,
  clip: { nodes: WorkflowNode[]; edges: WorkflowEdge[] },
  at: Point | null,
): { document: WorkflowDocument; ids: string[] } {
  const taken = new Set(document.graph.nodes.map((node) => node.id));
  const names = new Map<string, string>();
  for (const node of clip.nodes) {
    const id = freeId(node.id, taken);
    taken.add(id);
    names.set(node.id, id);
  }
  const left = Math.min(...clip.nodes.map((node) => node.position?.x ?? 0));
  const top = Math.min(...clip.nodes.map((node) => node.position?.y ?? 0));
  const shift = at === null ? { x: 32, y: 32 } : { x: at.x - left, y: at.y - top };
  const nodes = clip.nodes.map((node, index) => {
    let next: WorkflowNode = {
      ...structuredClone(node),
      id: names.get(node.id) ?? node.id,
      position: {
        x: Math.round((node.position?.x ?? index * 24) + shift.x),
        y: Math.round((node.position?.y ?? index * 24) + shift.y),
      },
    };
    for (const [from, to] of names) if (from !== to) next = renameReference(next, from, to);
    return next;
  });
  const edges = [...document.graph.edges];
  for (const edge of clip.edges) {
    edges.push({
      ...edge,
      id: freeEdgeId(edges),
      source: names.get(edge.source) ?? edge.source,
      target: names.get(edge.target) ?? edge.target,
    });
  }
  return {
    ids: nodes.map((node) => node.id),
    document: { ...document, graph: { ...document.graph, nodes: [...document.graph.nodes, ...nodes], edges } },
  };
}
