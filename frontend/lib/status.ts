// The one vocabulary of states: for each a word, a tone (colour family) and a shape (icon), so that no state is told by
// colour alone. Not here: drawing them.
import { EXECUTION_STATUSES, type ExecutionStatus } from "./api/types";

export type Shape =
  | "hollow"
  | "clock"
  | "spinner"
  | "retry"
  | "check"
  | "octagon"
  | "shield"
  | "dashed"
  | "slash"
  | "back";
export type Tone = "slate" | "blue" | "amber" | "green" | "red" | "fuchsia" | "stone" | "cyan";

export interface StatusLook {
  word: string;
  tone: Tone;
  shape: Shape;
}

/** What a node can look like: the server's states, and what only watching tells. */
export type NodeLook =
  | "pending"
  | "not_run"
  | "running"
  | "retrying"
  | "backtracked"
  | "succeeded"
  | "failed"
  | "budget_stopped"
  | "skipped"
  | "cancelled";

const EXECUTION: Record<ExecutionStatus, StatusLook> = {
  queued: { word: "Queued", tone: "slate", shape: "clock" },
  running: { word: "Running", tone: "blue", shape: "spinner" },
  succeeded: { word: "Succeeded", tone: "green", shape: "check" },
  failed: { word: "Failed", tone: "red", shape: "octagon" },
  cancelled: { word: "Cancelled", tone: "slate", shape: "slash" },
  budget_exceeded: { word: "Stopped by budget", tone: "fuchsia", shape: "shield" },
};

const NODE: Record<NodeLook, StatusLook> = {
  pending: { word: "Pending", tone: "slate", shape: "hollow" },
  not_run: { word: "Not run", tone: "slate", shape: "hollow" },
  running: { word: "Running", tone: "blue", shape: "spinner" },
  retrying: { word: "Retrying", tone: "amber", shape: "retry" },
  backtracked: { word: "Sent back", tone: "cyan", shape: "back" },
  succeeded: { word: "Succeeded", tone: "green", shape: "check" },
  failed: { word: "Failed", tone: "red", shape: "octagon" },
  budget_stopped: { word: "Stopped by budget", tone: "fuchsia", shape: "shield" },
  skipped: { word: "Skipped", tone: "stone", shape: "dashed" },
  cancelled: { word: "Cancelled", tone: "slate", shape: "slash" },
};

const UNKNOWN: StatusLook = { word: "Unknown", tone: "slate", shape: "hollow" };

export function executionLook(status: ExecutionStatus): StatusLook {
  return EXECUTION[status] ?? { ...UNKNOWN, word: String(status) };
}

export function nodeLook(look: NodeLook): StatusLook {
  return NODE[look] ?? { ...UNKNOWN, word: String(look) };
}

export function isExecutionStatus(text: string | null | undefined): text is ExecutionStatus {
  return EXECUTION_STATUSES.some((status) => status === text);
}

/** Nothing more happens, unless somebody resumes it. */
export function isTerminal(status: ExecutionStatus): boolean {
  return status !== "queued" && status !== "running";
}

export function isResumable(status: ExecutionStatus): boolean {
  return status === "failed" || status === "cancelled" || status === "budget_exceeded";
}
