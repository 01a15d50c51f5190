// Nodes of a document, described in a few words. Not here: their states in a run.
import type { Workflow, WorkflowDocument, WorkflowNode } from "./api/types";

export function nameOf(node: WorkflowNode | undefined, id: string): string {
  return node?.name && node.name.trim() !== "" ? node.name : id;
}

/** What a node uses: its model, its tool, or the ways out of a conditional. */
export function usesOf(node: WorkflowNode): string {
  const { config } = node;
  if (node.type === "agent") return typeof config.model === "string" ? config.model : "";
  if (node.type === "tool") return typeof config.tool === "string" ? config.tool : "";
  const handles = Array.isArray(config.cases)
    ? config.cases.flatMap((entry) =>
        typeof entry === "object" && entry !== null && !Array.isArray(entry) && typeof entry.handle === "string"
          ? [entry.handle]
          : [],
      )
    : [];
  if (typeof config.else === "string") handles.push(config.else);
  return handles.join(" / ");
}

export interface Incoming {
  id: string;
  handle: string | null;
  /** The edge attaches a tool; it is no step. */
  attached: boolean;
}

export function incomingOf(document: WorkflowDocument, id: string): Incoming[] {
  return document.graph.edges
    .filter((edge) => edge.target === id)
    .map((edge) => ({
      id: edge.source,
      handle: edge.source_handle ?? null,
      attached: edge.target_handle === "tools",
    }));
}

export function nodeMap(workflow: Workflow | WorkflowDocument | undefined): ReadonlyMap<string, WorkflowNode> {
  return new Map((workflow?.graph?.nodes ?? []).map((node) => [node.id, node]));
}
