// What resuming a run keeps, and so what it saves: from a node on, that node and what depends on it is done again.
import type { WorkflowDocument } from "../api/types";
import { descendantsOf } from "../builder/graph";
import type { NodeRun, RunState } from "./state";

export interface Saving {
  kept: NodeRun[];
  usd: number;
  /** How many nodes may be done again. */
  repeated: number;
}

export function savingOf(run: RunState, document: WorkflowDocument | undefined, from: string | null): Saving {
  const again = new Set<string>();
  if (from !== null) {
    again.add(from);
    if (document) for (const id of descendantsOf(document, from)) again.add(id);
  }
  const nodes = [...run.nodes.values()];
  const kept = nodes.filter((node) => node.status === "succeeded" && !again.has(node.id));
  return {
    kept,
    usd: kept.reduce((sum, node) => sum + node.costUsd, 0),
    repeated: nodes.filter((node) => again.has(node.id) || node.status !== "succeeded").length,
  };
}
