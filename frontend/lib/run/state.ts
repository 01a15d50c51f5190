// What a page knows about one run: the shape of it, and how nodes and the run look. Not here: how it changes (reducer).
import type { Attempt, ExecutionStatus, Failure, Json, NodeStatus, NodeType, StoredEvent, Tokens } from "../api/types";
import { isTerminal, type NodeLook } from "../status";

export interface NodeRun {
  id: string;
  type: NodeType | null;
  status: NodeStatus;
  /** The wait before attempt `attempt`, of at most `maxAttempts`. */
  retrying: { attempt: number; maxAttempts: number | null } | null;
  /** Sent back by a reviewer and not started again yet. */
  sentBack: boolean;
  /** The run's budget ended at this node. */
  budgetStopped: boolean;
  revision: number;
  attempts: Attempt[];
  input: Json | undefined;
  output: Json | undefined;
  model: string | null;
  tokens: Tokens;
  costUsd: number;
  latencyMs: number | null;
  error: Failure | null;
  startedAt: string | null;
  finishedAt: string | null;
  /** The answer as far as it was heard, while it is being written. */
  stream: string;
  /** Which attempt the stream belongs to. */
  streamKey: string;
  /** Pieces were missed before the next one. */
  streamGap: boolean;
  /** The latest event that spoke of this node. */
  seq: number;
}

export interface RunState {
  status: ExecutionStatus | null;
  /** The latest event that spoke of the status. */
  statusSeq: number;
  workflowId: string | null;
  workflowVersion: number | null;
  workflowName: string | null;
  inputs: Json | undefined;
  outputs: { [nodeId: string]: Json };
  error: Failure | null;
  limitUsd: number | null;
  spentUsd: number;
  reservedUsd: number;
  tokens: Tokens;
  createdAt: string | null;
  startedAt: string | null;
  finishedAt: string | null;
  budgetWarned: boolean;
  /** Nodes in the order in which they were heard of. */
  order: string[];
  nodes: ReadonlyMap<string, NodeRun>;
  events: StoredEvent[];
  lastSeq: number;
}

export function emptyRun(): RunState {
  return {
    status: null,
    statusSeq: 0,
    workflowId: null,
    workflowVersion: null,
    workflowName: null,
    inputs: undefined,
    outputs: {},
    error: null,
    limitUsd: null,
    spentUsd: 0,
    reservedUsd: 0,
    tokens: { prompt: 0, completion: 0 },
    createdAt: null,
    startedAt: null,
    finishedAt: null,
    budgetWarned: false,
    order: [],
    nodes: new Map(),
    events: [],
    lastSeq: 0,
  };
}

export function emptyNode(id: string): NodeRun {
  return {
    id,
    type: null,
    status: "pending",
    retrying: null,
    sentBack: false,
    budgetStopped: false,
    revision: 1,
    attempts: [],
    input: undefined,
    output: undefined,
    model: null,
    tokens: { prompt: 0, completion: 0 },
    costUsd: 0,
    latencyMs: null,
    error: null,
    startedAt: null,
    finishedAt: null,
    stream: "",
    streamKey: "",
    streamGap: false,
    seq: 0,
  };
}

export function lookOf(node: NodeRun, run: ExecutionStatus | null): NodeLook {
  const over = run !== null && isTerminal(run);
  switch (node.status) {
    case "pending":
      if (over) return node.budgetStopped ? "budget_stopped" : "not_run";
      return node.sentBack ? "backtracked" : "pending";
    case "running":
      return node.retrying ? "retrying" : "running";
    case "failed":
    case "cancelled":
      return node.budgetStopped || node.error?.code === "budget_exceeded" ? "budget_stopped" : node.status;
    default:
      return node.status;
  }
}

export interface Progress {
  settled: number;
  total: number;
}

export function progressOf(run: RunState): Progress {
  const nodes = [...run.nodes.values()];
  return {
    settled: nodes.filter((node) => node.status !== "pending" && node.status !== "running").length,
    total: nodes.length,
  };
}

export interface Totals {
  usd: number;
  tokens: Tokens;
}

/** What the run has used: the server's sums, or what its nodes have told since the last snapshot, if that is more. */
export function totalsOf(run: RunState): Totals {
  let usd = 0;
  let prompt = 0;
  let completion = 0;
  for (const node of run.nodes.values()) {
    usd += node.costUsd;
    prompt += node.tokens.prompt;
    completion += node.tokens.completion;
  }
  return {
    usd: Math.max(run.spentUsd, usd),
    tokens: {
      prompt: Math.max(run.tokens.prompt, prompt),
      completion: Math.max(run.tokens.completion, completion),
    },
  };
}
