// How a run changes: stored events in order, live pieces of text, and snapshots from REST. Pure functions; the same
// object comes back when nothing changed, so that views can compare by identity.
//
// Snapshots and events arrive on different ways. A snapshot that was asked for when event N was the latest knows at least
// N; so for whatever has not been spoken of since N the snapshot is right, for everything else the events are.
import type { AgentExecution, Execution, Json, JsonObject, LiveEvent, StoredEvent } from "../api/types";
import { sameJson } from "../builder/json";
import { isExecutionStatus, isTerminal } from "../status";
import { failureIn, numberIn, textIn, tokensIn } from "./read";
import { emptyNode, type NodeRun, type RunState } from "./state";

const STREAM_LIMIT = 65_536;

export function isStored(event: LiveEvent): event is StoredEvent {
  return "seq" in event && typeof event.seq === "number";
}

function withNode(state: RunState, id: string, seq: number, change: (node: NodeRun) => Partial<NodeRun>): RunState {
  const known = state.nodes.get(id);
  const node = known ?? emptyNode(id);
  const next: NodeRun = { ...node, ...change(node), seq: Math.max(seq, node.seq) };
  return {
    ...state,
    order: known ? state.order : [...state.order, id],
    nodes: new Map(state.nodes).set(id, next),
  };
}

function mapNodes(state: RunState, seq: number, change: (node: NodeRun) => Partial<NodeRun> | null): RunState {
  let nodes: Map<string, NodeRun> | null = null;
  for (const node of state.nodes.values()) {
    const changed = change(node);
    if (changed === null) continue;
    nodes ??= new Map(state.nodes);
    nodes.set(node.id, { ...node, ...changed, seq: Math.max(seq, node.seq) });
  }
  return nodes === null ? state : { ...state, nodes };
}

function started(state: RunState, event: StoredEvent): RunState {
  const again = state.statusSeq > 0;
  const run: RunState = {
    ...state,
    status: "running",
    statusSeq: event.seq,
    startedAt: state.startedAt ?? event.timestamp,
    finishedAt: null,
    error: null,
    budgetWarned: false,
  };
  if (!again) return run;
  // a resume: what did not succeed gets another chance; the next snapshot corrects what stays as it is
  return mapNodes(run, event.seq, (node) =>
    node.status === "succeeded"
      ? null
      : { status: "pending", error: null, retrying: null, budgetStopped: false, sentBack: false, finishedAt: null },
  );
}

function completed(state: RunState, event: StoredEvent): RunState {
  const status = textIn(event.data, "status");
  const outputs = event.data.outputs;
  const run: RunState = {
    ...state,
    status: isExecutionStatus(status) ? status : "succeeded",
    statusSeq: event.seq,
    finishedAt: event.timestamp,
    error: failureIn(event.data) ?? state.error,
    outputs: typeof outputs === "object" && outputs !== null && !Array.isArray(outputs) ? outputs : state.outputs,
    spentUsd: numberIn(event.data, "cost_usd", "cost", "spent_usd") ?? state.spentUsd,
    reservedUsd: 0,
    tokens: tokensIn(event.data) ?? state.tokens,
  };
  return mapNodes(run, event.seq, (node) =>
    node.status === "running" ? { status: "cancelled", retrying: null, finishedAt: event.timestamp } : null,
  );
}

function ended(node: NodeRun, event: StoredEvent): Partial<NodeRun> {
  return {
    retrying: null,
    sentBack: false,
    finishedAt: event.timestamp,
    revision: numberIn(event.data, "revision") ?? node.revision,
    model: textIn(event.data, "model") ?? node.model,
    tokens: tokensIn(event.data) ?? node.tokens,
    costUsd: numberIn(event.data, "cost_usd", "cost") ?? node.costUsd,
    latencyMs: numberIn(event.data, "latency_ms") ?? node.latencyMs,
  };
}

function agentEvent(state: RunState, event: StoredEvent, id: string): RunState {
  const { data, seq } = event;
  switch (event.type) {
    case "agent_started":
      return withNode(state, id, seq, (node) => ({
        status: "running",
        retrying: null,
        sentBack: false,
        budgetStopped: false,
        error: null,
        output: undefined,
        revision: numberIn(data, "revision") ?? node.revision,
        model: textIn(data, "model") ?? node.model,
        startedAt: event.timestamp,
        finishedAt: null,
        stream: "",
        streamKey: "",
        streamGap: false,
      }));
    case "agent_retrying":
      return withNode(state, id, seq, (node) => ({
        status: "running",
        retrying: {
          attempt: numberIn(data, "next_attempt", "attempt") ?? (node.retrying?.attempt ?? 1) + 1,
          maxAttempts: numberIn(data, "max_attempts"),
        },
        error: failureIn(data) ?? node.error,
        stream: "",
        streamKey: "",
        streamGap: false,
      }));
    case "agent_backtracked": {
      const target = textIn(data, "to", "to_node", "target") ?? id;
      return withNode(state, target, seq, (node) => ({
        status: "pending",
        retrying: null,
        sentBack: true,
        revision: numberIn(data, "revision") ?? node.revision,
        finishedAt: null,
      }));
    }
    case "agent_completed":
      return withNode(state, id, seq, (node) => ({
        ...ended(node, event),
        status: "succeeded",
        error: null,
        output: "output" in data ? (data.output as Json) : node.output,
        stream: "",
        streamGap: false,
      }));
    case "agent_failed":
      return withNode(state, id, seq, (node) => ({
        ...ended(node, event),
        status: "failed",
        error: failureIn(data) ?? node.error ?? { code: "failed", message: "The node failed." },
      }));
    case "agent_skipped":
      return withNode(state, id, seq, (node) => ({ ...ended(node, event), status: "skipped" }));
    case "budget_exceeded":
      return withNode(state, id, seq, () => ({ budgetStopped: true }));
    default:
      return state;
  }
}

/** Takes the next stored event. One that was seen before changes nothing. */
export function applyEvent(state: RunState, event: StoredEvent): RunState {
  if (event.seq <= state.lastSeq) return state;
  const logged: RunState = { ...state, lastSeq: event.seq, events: [...state.events, event] };
  switch (event.type) {
    case "execution_started":
      return started(logged, event);
    case "execution_completed":
      return completed(logged, event);
    case "budget_warning":
      return { ...logged, budgetWarned: true };
    default:
      return event.agent_id === null ? logged : agentEvent(logged, event, event.agent_id);
  }
}

/** Takes many at once, copying the log only once. */
export function applyEvents(state: RunState, events: readonly StoredEvent[]): RunState {
  let next = state;
  const log: StoredEvent[] = [];
  for (const event of events) {
    if (event.seq <= next.lastSeq) continue;
    next = { ...applyEvent({ ...next, events: [] }, event), events: [] };
    log.push(event);
  }
  return log.length === 0 ? state : { ...next, events: [...state.events, ...log] };
}

/** Takes a piece of an answer that is being written. */
export function applyDelta(state: RunState, id: string, data: JsonObject): RunState {
  const text = textIn(data, "text");
  if (text === null || text === "") return state;
  const key = `${numberIn(data, "revision") ?? ""}.${numberIn(data, "attempt") ?? ""}`;
  return withNode(state, id, 0, (node) => {
    const fresh = node.streamKey !== "" && node.streamKey !== key;
    const before = fresh ? "" : node.stream;
    const gap = node.streamGap && !fresh ? `${before === "" ? "" : "\n"}[…] ` : "";
    return {
      stream: `${before}${gap}${text}`.slice(-STREAM_LIMIT),
      streamKey: key,
      streamGap: false,
      retrying: null,
    };
  });
}

/** Pieces may have been missed: whoever is speaking now is marked. */
export function markGap(state: RunState): RunState {
  return mapNodes(state, 0, (node) => (node.status === "running" && !node.streamGap ? { streamGap: true } : null));
}

function fromSnapshot(node: NodeRun, entry: AgentExecution, asOf: number): NodeRun {
  const details: NodeRun = {
    ...node,
    type: entry.node_type,
    attempts: entry.attempts.length >= node.attempts.length ? entry.attempts : node.attempts,
    input: entry.input ?? node.input,
  };
  if (node.seq > asOf) return details;
  const settled = entry.status !== "running" && entry.status !== "pending";
  return {
    ...details,
    status: entry.status,
    retrying: entry.status === "running" ? node.retrying : null,
    sentBack: entry.status === "pending" && node.sentBack,
    revision: entry.revision,
    attempts: entry.attempts,
    output: entry.status === "succeeded" ? entry.output : (entry.output ?? undefined),
    model: entry.model ?? node.model,
    tokens: entry.tokens,
    costUsd: entry.cost_usd,
    latencyMs: entry.latency_ms,
    error: settled ? entry.error : node.error,
    startedAt: entry.started_at,
    finishedAt: entry.finished_at,
  };
}

/** Takes an execution as REST tells it; `asOf` is the latest event that was known when it was asked for. */
export function applySnapshot(state: RunState, execution: Execution, asOf: number): RunState {
  const nodes = new Map(state.nodes);
  const order = execution.agent_executions.map((entry) => entry.node_id);
  for (const entry of execution.agent_executions) {
    const before = nodes.get(entry.node_id) ?? emptyNode(entry.node_id);
    const after = fromSnapshot(before, entry, asOf);
    // a snapshot that says nothing new makes no new node: whoever shows it has nothing to draw
    nodes.set(entry.node_id, sameJson(before, after) ? before : after);
  }
  const current = state.statusSeq <= asOf;
  const status = current ? execution.status : state.status;
  return {
    ...state,
    status,
    workflowId: execution.workflow_id,
    workflowVersion: execution.workflow_version,
    workflowName: execution.workflow_name ?? state.workflowName,
    inputs: execution.inputs,
    outputs: current ? (execution.outputs ?? {}) : state.outputs,
    error: current ? execution.error : state.error,
    limitUsd: execution.budget.limit_usd,
    spentUsd: Math.max(current ? 0 : state.spentUsd, execution.budget.spent_usd),
    reservedUsd: status !== null && isTerminal(status) ? 0 : execution.budget.reserved_usd,
    tokens: execution.tokens,
    createdAt: execution.created_at,
    startedAt: execution.started_at ?? state.startedAt,
    finishedAt: current ? execution.finished_at : state.finishedAt,
    order: [...order, ...state.order.filter((id) => !order.includes(id))],
    nodes,
  };
}
