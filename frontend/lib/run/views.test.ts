// A run over time: bars, replay, comparison, savings, costs, and what the canvas is told.
import { describe, expect, test } from "vitest";
import type {
  AgentExecution,
  Attempt,
  EventType,
  Execution,
  JsonObject,
  StoredEvent,
  WorkflowDocument,
} from "../api/types";
import { KeyedStore } from "../keyed";
import { changeOf, compareRuns } from "./compare";
import { costsByModel, costsByNode } from "./costs";
import { applyEvents, applySnapshot } from "./reducer";
import { Replay } from "./replay";
import { savingOf } from "./saving";
import { emptyRun, type RunState } from "./state";
import { ticks, timelineOf } from "./timeline";
import { NodeViews } from "./views";

const T0 = Date.parse("2026-03-01T12:00:00Z");
const at = (ms: number) => new Date(T0 + ms).toISOString();
const tokens = { prompt: 10, completion: 5 };

function attempt(number: number, from: number, to: number | null, extra: Partial<Attempt> = {}): Attempt {
  return {
    attempt: number,
    revision: 1,
    model: "demo/small",
    provider: "demo",
    status: to === null ? "running" : "succeeded",
    error: null,
    tokens,
    cost_usd: 0.01,
    latency_ms: to === null ? null : to - from,
    started_at: at(from),
    finished_at: to === null ? null : at(to),
    ...extra,
  };
}

function entry(id: string, attempts: Attempt[], extra: Partial<AgentExecution> = {}): AgentExecution {
  return {
    node_id: id,
    node_type: "agent",
    status: "succeeded",
    revision: 1,
    attempts,
    input: { prompt: id },
    output: { text: id },
    model: "demo/small",
    tokens,
    cost_usd: 0.01,
    latency_ms: 100,
    error: null,
    started_at: attempts[0]?.started_at ?? null,
    finished_at: attempts.at(-1)?.finished_at ?? null,
    ...extra,
  };
}

function execution(entries: AgentExecution[], extra: Partial<Execution> = {}): Execution {
  return {
    id: "e",
    workflow_id: "w",
    workflow_version: 1,
    status: "succeeded",
    error: null,
    budget: { limit_usd: 1, spent_usd: 0.02, reserved_usd: 0 },
    tokens,
    created_at: at(0),
    started_at: at(0),
    finished_at: at(1_000),
    inputs: {},
    outputs: {},
    agent_executions: entries,
    ...extra,
  };
}

const event = (seq: number, type: EventType, agent: string | null, ms: number, data: JsonObject = {}): StoredEvent => ({
  seq,
  execution_id: "e",
  type,
  agent_id: agent,
  data,
  timestamp: at(ms),
});

const EVENTS = [
  event(1, "execution_started", null, 0),
  event(2, "agent_started", "a", 10),
  event(3, "agent_completed", "a", 400, { output: { text: "a" }, cost_usd: 0.01, tokens, latency_ms: 390 }),
  event(4, "agent_started", "b", 400),
  event(5, "agent_completed", "b", 1_000, { output: { text: "b" }, cost_usd: 0.01, tokens, latency_ms: 600 }),
  event(6, "execution_completed", null, 1_000, { status: "succeeded", cost_usd: 0.02 }),
];

function finished(): RunState {
  const snapshot = execution([
    entry("a", [attempt(1, 10, 400)]),
    entry("b", [attempt(1, 400, 700, { status: "failed" }), attempt(2, 800, 1_000)]),
  ]);
  return applySnapshot(applyEvents(emptyRun(), EVENTS), snapshot, 6);
}

describe("timeline", () => {
  test("one bar per attempt, from the first start to the end", () => {
    const line = timelineOf(finished(), T0 + 99_000);
    expect([line.start - T0, line.end - T0]).toEqual([0, 1_000]);
    expect(line.rows.map((row) => row.spans.map((span) => [span.from - T0, span.to - T0, span.status]))).toEqual([
      [[10, 400, "succeeded"]],
      [
        [400, 700, "failed"],
        [800, 1_000, "succeeded"],
      ],
    ]);
  });

  test("what is just starting has a bar before the server has told of its attempt", () => {
    const run = applyEvents(emptyRun(), EVENTS.slice(0, 2));
    const [row] = timelineOf(run, T0 + 200).rows;
    expect(row?.spans).toMatchObject([{ from: T0 + 10, to: T0 + 200, status: "running" }]);
  });

  test("lines of time are round and few", () => {
    expect(ticks(1_000)).toEqual([0, 200, 400, 600, 800, 1_000]);
    for (const length of [3, 999, 61_000, 7_200_000, 900_000_000]) expect(ticks(length).length).toBeLessThanOrEqual(8);
  });
});

describe("replay", () => {
  test("shows each moment, back and forth", () => {
    const replay = new Replay();
    const last = finished();
    const looks = (count: number) => [...replay.at(last, count).nodes.values()].map((node) => node.status);
    expect(looks(0)).toEqual(["pending", "pending"]);
    expect(looks(2)).toEqual(["running", "pending"]);
    expect(looks(6)).toEqual(["succeeded", "succeeded"]);
    expect(looks(4)).toEqual(["succeeded", "running"]);
    const then = replay.at(last, 4);
    expect([
      then.status,
      then.spentUsd,
      then.nodes.get("a")?.attempts.length,
      then.nodes.get("b")?.attempts[0]?.finished_at,
    ]).toEqual(["running", 0.01, 1, null]);
    expect(replay.at(last, 0).nodes.get("a")?.attempts).toEqual([]);
  });

  test("is the same with and without what was kept in between", () => {
    const many = Array.from({ length: 900 }, (_, index) =>
      event(index + 1, index % 2 === 0 ? "agent_started" : "agent_completed", `n${Math.floor(index / 2) % 40}`, index, {
        cost_usd: 0.001,
      }),
    );
    const last = applyEvents(emptyRun(), many);
    const replay = new Replay();
    replay.at(last, 900);
    for (const count of [0, 1, 199, 200, 201, 555, 900]) {
      expect(replay.at(last, count).nodes).toEqual(new Replay().at(last, count).nodes);
    }
  });
});

test("two runs are compared node by node", () => {
  const a = execution([entry("a", [attempt(1, 0, 10)]), entry("b", [])]);
  const b = execution([entry("a", [attempt(1, 0, 10)], { output: { text: "other" } }), entry("c", [])]);
  expect(compareRuns(a, b).map((row) => [row.id, row.sameOutput, row.a.status, row.b.status])).toEqual([
    ["a", false, "succeeded", "succeeded"],
    ["b", false, "succeeded", null],
    ["c", false, null, "succeeded"],
  ]);
  expect(compareRuns(a, a).every((row) => row.sameOutput)).toBe(true);
  expect([changeOf(2, 3), changeOf(2, 1), changeOf(2, 2), changeOf(0, 1), changeOf(null, 1)]).toEqual([
    "+50 %",
    "−50 %",
    "the same",
    null,
    null,
  ]);
});

test("going on from a node keeps what does not depend on it", () => {
  const document: WorkflowDocument = {
    schema_version: 1,
    name: "x",
    graph: {
      nodes: ["a", "b"].map((id) => ({ id, type: "agent", config: {} })),
      edges: [{ id: "e", source: "a", target: "b" }],
    },
  };
  expect(savingOf(finished(), document, "b")).toMatchObject({ usd: 0.01, repeated: 1 });
  expect(savingOf(finished(), document, "a").kept).toEqual([]);
  expect(savingOf(finished(), document, null).usd).toBeCloseTo(0.02);
});

test("costs by node and by model, with what was expected", () => {
  const estimate = {
    min_usd: 0,
    expected_usd: 0.1,
    max_usd: 1,
    tokens: {},
    fits_budget: true,
    nodes: [{ node_id: "a", min_usd: 0, expected_usd: 0.1, max_usd: 1 }],
  };
  expect(costsByNode(finished(), estimate).map((line) => [line.key, line.usd, line.expectedUsd])).toEqual([
    ["a", 0.01, 0.1],
    ["b", 0.01, null],
  ]);
  expect(costsByModel(finished())).toMatchObject([{ key: "demo/small", attempts: 3 }]);
});

describe("what the canvas is told", () => {
  test("only of nodes that changed", () => {
    const views = new NodeViews();
    const told: string[] = [];
    for (const id of ["a", "b"]) views.subscribe(id, () => told.push(id));
    const one = applyEvents(emptyRun(), EVENTS.slice(0, 4));
    views.show(one);
    expect(told.splice(0)).toEqual(["a", "b"]);
    views.show(applyEvents(one, EVENTS.slice(4, 5)));
    expect(told.splice(0)).toEqual(["b"]);
    views.show(null);
    expect(views.get("a")).toBeUndefined();
  });

  test("a snapshot that says nothing new is nothing new", () => {
    const run = finished();
    const again = applySnapshot(
      run,
      execution([
        entry("a", [attempt(1, 10, 400)]),
        entry("b", [attempt(1, 400, 700, { status: "failed" }), attempt(2, 800, 1_000)]),
      ]),
      6,
    );
    expect(again.nodes.get("a")).toBe(run.nodes.get("a"));
  });

  test("of very many over some frames, and at last of the latest", () => {
    const frames: (() => void)[] = [];
    const store = new KeyedStore<number>((callback) => frames.push(callback));
    let told = 0;
    const keys = Array.from({ length: 150 }, (_, index) => `k${index}`);
    for (const key of keys)
      store.subscribe(key, () => {
        told += 1;
      });
    store.fill(new Map(keys.map((key) => [key, 1])));
    expect(told).toBe(60);
    store.fill(new Map(keys.map((key) => [key, 2])));
    while (frames.length > 0) frames.shift()?.();
    expect(told).toBe(60 + 150);
    expect(store.get("k149")).toBe(2);
  });
});
