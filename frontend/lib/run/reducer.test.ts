// Runs as sequences of events and snapshots: what must be known after them, and that nothing counts twice.
import { describe, expect, test } from "vitest";
import type { AgentExecution, EventType, Execution, JsonObject, StoredEvent } from "../api/types";
import { applyDelta, applyEvent, applyEvents, applySnapshot, markGap } from "./reducer";
import { emptyRun, lookOf, type NodeRun, progressOf, type RunState, totalsOf } from "./state";

type Line = [EventType, (string | null)?, JsonObject?];

function script(lines: Line[], from = 1): StoredEvent[] {
  return lines.map(([type, agent = null, data = {}], index) => ({
    seq: from + index,
    execution_id: "x",
    type,
    agent_id: agent,
    data,
    timestamp: new Date(Date.UTC(2026, 0, 1, 0, 0, from + index)).toISOString(),
  }));
}

function entry(id: string, change: Partial<AgentExecution> = {}): AgentExecution {
  return {
    node_id: id,
    node_type: "agent",
    status: "pending",
    revision: 1,
    attempts: [],
    input: null,
    output: null,
    model: null,
    tokens: { prompt: 0, completion: 0 },
    cost_usd: 0,
    latency_ms: null,
    error: null,
    started_at: null,
    finished_at: null,
    ...change,
  };
}

function snapshot(change: Partial<Execution> = {}): Execution {
  return {
    id: "x",
    workflow_id: "w",
    workflow_version: 3,
    workflow_name: "Brief",
    status: "running",
    error: null,
    inputs: { topic: "t" },
    outputs: {},
    budget: { limit_usd: 0.5, spent_usd: 0.1, reserved_usd: 0.02 },
    tokens: { prompt: 10, completion: 5 },
    created_at: "2026-01-01T00:00:00Z",
    started_at: "2026-01-01T00:00:01Z",
    finished_at: null,
    agent_executions: [],
    ...change,
  };
}

const run = (lines: Line[]) => applyEvents(emptyRun(), script(lines));
const node = (state: RunState, id: string) => state.nodes.get(id) as NodeRun;
const look = (state: RunState, id: string) => lookOf(node(state, id), state.status);

describe("events", () => {
  test("a run from start to end", () => {
    const state = run([
      ["execution_started"],
      ["agent_started", "a", { model: "demo/small" }],
      ["agent_started", "b"],
      [
        "agent_completed",
        "a",
        {
          output: { text: "hi" },
          tokens: { prompt: 3, completion: 4 },
          cost_usd: 0.01,
          latency_ms: 12,
          model: "demo/m",
        },
      ],
      ["agent_failed", "b", { error: { code: "timeout", message: "too slow" } }],
      ["agent_skipped", "c"],
      ["execution_completed", null, { status: "failed", outputs: { a: { text: "hi" } }, cost_usd: 0.01 }],
    ]);
    expect(state.status).toBe("failed");
    expect(state.order).toEqual(["a", "b", "c"]);
    expect(node(state, "a")).toMatchObject({
      status: "succeeded",
      output: { text: "hi" },
      costUsd: 0.01,
      model: "demo/m",
    });
    expect(node(state, "b")).toMatchObject({ status: "failed", error: { code: "timeout", message: "too slow" } });
    expect(node(state, "c").status).toBe("skipped");
    expect(state.outputs).toEqual({ a: { text: "hi" } });
    expect(state.spentUsd).toBe(0.01);
    expect(state.events).toHaveLength(7);
    expect(progressOf(state)).toEqual({ settled: 3, total: 3 });
  });

  test("money and tokens do not wait for a snapshot, and do not count twice", () => {
    const done: Line = ["agent_completed", "a", { tokens: { prompt: 30, completion: 4 }, cost_usd: 0.25 }];
    const state = run([["execution_started"], ["agent_started", "a"], done]);
    expect(totalsOf(state)).toEqual({ usd: 0.25, tokens: { prompt: 30, completion: 4 } });
    const entries = [entry("a", { status: "succeeded", cost_usd: 0.25, tokens: { prompt: 30, completion: 4 } })];
    const budget = { limit_usd: 1, spent_usd: 0.25, reserved_usd: 0 };
    const later = snapshot({ budget, tokens: { prompt: 30, completion: 4 }, agent_executions: entries });
    expect(totalsOf(applySnapshot(state, later, 3))).toEqual(totalsOf(state));
  });

  test("an event that was seen before changes nothing, not even identity", () => {
    const events = script([["execution_started"], ["agent_started", "a"]]);
    const state = applyEvents(emptyRun(), events);
    expect(applyEvents(state, events)).toBe(state);
    expect(applyEvent(state, events[0] as StoredEvent)).toBe(state);
  });

  test("one by one or all at once is the same", () => {
    const events = script([
      ["execution_started"],
      ["agent_started", "a"],
      ["agent_retrying", "a", { attempt: 2, max_attempts: 3 }],
      ["agent_completed", "a", { output: 1 }],
    ]);
    expect(events.reduce(applyEvent, emptyRun())).toEqual(applyEvents(emptyRun(), events));
  });

  test("a node that did not change keeps its identity", () => {
    const before = run([["execution_started"], ["agent_started", "a"], ["agent_started", "b"]]);
    const after = applyEvents(before, script([["agent_completed", "b", { output: 1 }]], 4));
    expect(after.nodes.get("a")).toBe(before.nodes.get("a"));
  });

  test("retrying shows the next attempt until it speaks or starts", () => {
    const state = run([
      ["execution_started"],
      ["agent_started", "a"],
      ["agent_retrying", "a", { attempt: 2, max_attempts: 3, error: { code: "x", message: "429" } }],
    ]);
    expect(look(state, "a")).toBe("retrying");
    expect(node(state, "a").retrying).toEqual({ attempt: 2, maxAttempts: 3 });
    expect(look(applyDelta(state, "a", { text: "h", attempt: 2 }), "a")).toBe("running");
  });

  test("a backtrack sends the target back, not the reviewer", () => {
    const state = run([
      ["execution_started"],
      ["agent_started", "draft"],
      ["agent_completed", "draft", { output: 1 }],
      ["agent_started", "review"],
      ["agent_backtracked", "review", { to: "draft" }],
    ]);
    expect(look(state, "draft")).toBe("backtracked");
    expect(look(state, "review")).toBe("running");
  });

  test("stopped by budget is not merely failed or cancelled", () => {
    const state = run([
      ["execution_started"],
      ["agent_started", "a"],
      ["budget_exceeded", "a"],
      ["execution_completed", null, { status: "budget_exceeded" }],
    ]);
    expect(look(state, "a")).toBe("budget_stopped");
    expect(state.status).toBe("budget_exceeded");
  });

  test("cancelling ends what runs; what waited was not run", () => {
    let state = applySnapshot(emptyRun(), snapshot({ agent_executions: [entry("a"), entry("b")] }), 0);
    state = applyEvents(
      state,
      script([["execution_started"], ["agent_started", "a"], ["execution_completed", null, { status: "cancelled" }]]),
    );
    expect(look(state, "a")).toBe("cancelled");
    expect(look(state, "b")).toBe("not_run");
  });

  test("a resume keeps what succeeded and gives the rest another chance", () => {
    const ended = run([
      ["execution_started"],
      ["agent_started", "a"],
      ["agent_completed", "a", { output: 1 }],
      ["agent_started", "b"],
      ["agent_failed", "b", { error: "no" }],
      ["execution_completed", null, { status: "failed" }],
    ]);
    const resumed = applyEvents(ended, script([["execution_started"]], 7));
    expect(resumed.status).toBe("running");
    expect(resumed.finishedAt).toBeNull();
    expect(node(resumed, "a").status).toBe("succeeded");
    expect(look(resumed, "b")).toBe("pending");
  });

  test("node ids that are names of object members are only names", () => {
    const state = run([["execution_started"], ["agent_started", "constructor"], ["agent_started", "__proto__"]]);
    expect(state.order).toEqual(["constructor", "__proto__"]);
    expect(node(state, "__proto__").status).toBe("running");
  });
});

describe("deltas", () => {
  const started = run([["execution_started"], ["agent_started", "a"]]);

  test("text grows, and a new attempt starts afresh", () => {
    let state = applyDelta(started, "a", { text: "Hel", revision: 1, attempt: 1 });
    state = applyDelta(state, "a", { text: "lo", revision: 1, attempt: 1 });
    expect(node(state, "a").stream).toBe("Hello");
    state = applyDelta(state, "a", { text: "Again", revision: 1, attempt: 2 });
    expect(node(state, "a").stream).toBe("Again");
  });

  test("what may have been missed is marked, once", () => {
    let state = applyDelta(started, "a", { text: "one" });
    state = markGap(markGap(state));
    state = applyDelta(state, "a", { text: "two" });
    state = applyDelta(state, "a", { text: " three" });
    expect(node(state, "a").stream).toBe("one\n[…] two three");
  });

  test("an empty piece changes nothing; a finished node keeps no stream", () => {
    expect(applyDelta(started, "a", { text: "" })).toBe(started);
    const state = applyEvents(applyDelta(started, "a", { text: "x" }), script([["agent_completed", "a", {}]], 3));
    expect(node(state, "a").stream).toBe("");
  });
});

describe("snapshots", () => {
  test("a snapshot fills in what events do not tell", () => {
    const state = applySnapshot(
      run([["execution_started"], ["agent_started", "a"]]),
      snapshot({ agent_executions: [entry("a", { status: "running", node_type: "tool" }), entry("b")] }),
      2,
    );
    expect(state).toMatchObject({ workflowId: "w", workflowVersion: 3, limitUsd: 0.5, reservedUsd: 0.02 });
    expect(state.order).toEqual(["a", "b"]);
    expect(node(state, "a").type).toBe("tool");
    expect(node(state, "b").status).toBe("pending");
  });

  test("an old snapshot does not undo newer events", () => {
    const state = run([
      ["execution_started"],
      ["agent_started", "a"],
      ["agent_completed", "a", { output: 1 }],
      ["execution_completed", null, { status: "succeeded", outputs: { a: 1 }, cost_usd: 0.2 }],
    ]);
    // asked for when event 2 was the latest
    const late = applySnapshot(state, snapshot({ agent_executions: [entry("a", { status: "running" })] }), 2);
    expect(late.status).toBe("succeeded");
    expect(node(late, "a")).toMatchObject({ status: "succeeded", output: 1 });
    expect(late.outputs).toEqual({ a: 1 });
    expect(late.spentUsd).toBe(0.2);
    expect(late.reservedUsd).toBe(0);
  });

  test("a current snapshot corrects what events could only guess", () => {
    const ended = run([
      ["execution_started"],
      ["agent_failed", "a", { error: "x" }],
      ["execution_completed", null, { status: "failed" }],
      ["execution_started"],
    ]);
    const state = applySnapshot(
      ended,
      snapshot({ agent_executions: [entry("a", { status: "failed", error: { code: "x", message: "stays" } })] }),
      4,
    );
    expect(node(state, "a")).toMatchObject({ status: "failed", error: { message: "stays" } });
  });
});
