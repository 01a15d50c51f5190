// A run as it was after its event N, from the stored events alone: what the scrubber shows. States in between are kept at
// intervals, so that going back and forth is cheap. What only a snapshot knows is taken from the end where it had begun.
import type { Attempt, StoredEvent } from "../api/types";
import { applyEvents } from "./reducer";
import { emptyNode, emptyRun, type NodeRun, type RunState } from "./state";

const EVERY = 200;

export class Replay {
  private kept: RunState[] = [];
  private from: readonly StoredEvent[] = [];

  /** The state after the first `count` events; `last` is the run as it is now. */
  at(last: RunState, count: number): RunState {
    const { events } = last;
    if (events.length < this.from.length || events[0] !== this.from[0]) this.kept = [];
    this.from = events;
    const whole = Math.floor(count / EVERY);
    while (this.kept.length < whole) {
      const before = this.kept.at(-1) ?? emptyRun();
      const start = this.kept.length * EVERY;
      this.kept.push(applyEvents(before, events.slice(start, start + EVERY)));
    }
    const base = whole === 0 ? emptyRun() : (this.kept[whole - 1] ?? emptyRun());
    const state = applyEvents(base, events.slice(whole * EVERY, count));
    const moment = events[count - 1]?.timestamp ?? last.createdAt;
    return completed(state, last, moment === null ? Number.NaN : Date.parse(moment));
  }
}

function completed(state: RunState, last: RunState, moment: number): RunState {
  const nodes = new Map<string, NodeRun>();
  let spent = 0;
  for (const [id, end] of last.nodes) {
    const then = state.nodes.get(id) ?? emptyNode(id);
    const attempts = end.attempts.flatMap((attempt): Attempt[] => {
      if (!(Date.parse(attempt.started_at) <= moment) || then.status === "pending") return [];
      const over = attempt.finished_at !== null && Date.parse(attempt.finished_at) <= moment;
      if (over || then.status !== "running") return [attempt];
      return [{ ...attempt, status: "running", finished_at: null, latency_ms: null, error: null, cost_usd: 0 }];
    });
    spent += then.costUsd;
    nodes.set(id, { ...then, type: end.type, attempts, input: then.status === "pending" ? undefined : end.input });
  }
  return {
    ...state,
    status: state.status ?? "queued",
    workflowId: last.workflowId,
    workflowVersion: last.workflowVersion,
    workflowName: last.workflowName,
    inputs: last.inputs,
    limitUsd: last.limitUsd,
    spentUsd: spent,
    createdAt: last.createdAt,
    order: last.order,
    nodes,
  };
}
