// The small logic behind pages: figures, addresses, documents, models, states, announcements.
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { EXECUTION_STATUSES, type ExecutionSummary, type Model, type Page, type Workflow } from "./api/types";
import { attention, countAll, countRecent, spendToday } from "./dashboard";
import { copyOf, documentOf, fileNameOf, ingredientsOf, parseDocument } from "./documents";
import { incomingOf, nameOf, usesOf } from "./nodes";
import { groupModels, searchModels } from "./providers";
import { idsOf, routes } from "./routes";
import { announcements } from "./run/announcements";
import { describeEvent } from "./run/describe";
import { executionLook, isExecutionStatus, isResumable, isTerminal } from "./status";

const NOON = new Date(2026, 2, 10, 12).getTime();
const HOUR = 3_600_000;

function summary(hoursAgo: number, usd = 0): ExecutionSummary {
  const at = new Date(NOON - hoursAgo * HOUR).toISOString();
  return {
    id: `e${hoursAgo}`,
    workflow_id: "w",
    workflow_version: 1,
    status: "failed",
    error: null,
    budget: { limit_usd: null, spent_usd: usd, reserved_usd: 0 },
    tokens: { prompt: 0, completion: 0 },
    created_at: at,
    started_at: at,
    finished_at: at,
  };
}
const page = (items: ExecutionSummary[], more = false): Page<ExecutionSummary> => ({
  items,
  next_cursor: more ? "c" : null,
});

describe("dashboard", () => {
  test("spend today begins at the reader's midnight", () => {
    expect(spendToday(page([summary(1, 0.25), summary(11, 0.5), summary(13, 4)]), NOON)).toEqual({
      usd: 0.75,
      runs: 2,
      partial: false,
    });
  });

  test("a list that does not reach back to midnight is said to be partial", () => {
    expect(spendToday(page([summary(1, 0.25)], true), NOON).partial).toBe(true);
    expect(spendToday(page([summary(1), summary(13)], true), NOON).partial).toBe(false);
  });

  test("counts say when there are more", () => {
    expect(countAll(page([summary(1)], true))).toEqual({ value: 1, more: true });
    expect(countRecent(page([summary(1), summary(25)], true), NOON)).toEqual({ value: 1, more: false });
    expect(countRecent(page([summary(1)], true), NOON)).toEqual({ value: 1, more: true });
  });

  test("what needs attention is mixed by time", () => {
    const items = attention([page([summary(3), summary(9)]), undefined, page([summary(1), summary(5)])], 3);
    expect(items.map((item) => item.id)).toEqual(["e1", "e3", "e5"]);
  });
});

describe("addresses", () => {
  test("made and read back", () => {
    expect(idsOf(routes.workflow("a b"))).toEqual({ workflow: "a b", execution: null, scraper: null });
    expect(idsOf(routes.workflowExecutions("w"))).toEqual({ workflow: "w", execution: null, scraper: null });
    expect(idsOf(routes.run("w", "e"))).toEqual({ workflow: "w", execution: "e", scraper: null });
    expect(idsOf(routes.execution("e"))).toEqual({ workflow: null, execution: "e", scraper: null });
    expect(idsOf("/executions/")).toEqual({ workflow: null, execution: null, scraper: null });
    expect(idsOf("/executions/%zz")).toEqual({ workflow: null, execution: "%zz", scraper: null });
    expect(idsOf(routes.scraper("s/1"))).toEqual({ workflow: null, execution: null, scraper: "s/1" });
    expect(idsOf("/scrapers/new")).toEqual({ workflow: null, execution: null, scraper: null });
    expect(idsOf("/models")).toEqual({ workflow: null, execution: null, scraper: null });
  });
});

describe("documents", () => {
  const workflow: Workflow = {
    id: "w",
    version: 2,
    created_at: "t",
    updated_at: "t",
    valid: true,
    problems: [],
    schema_version: 1,
    name: "Ünder Wörk!",
    graph: {
      nodes: [
        { id: "a", type: "agent", name: " ", config: { model: "demo/small" } },
        { id: "t", type: "tool", config: { tool: "template" } },
        { id: "c", type: "conditional", config: { cases: [{ handle: "yes", when: "true" }], else: "no" } },
      ],
      edges: [
        { source: "a", target: "c" },
        { source: "t", target: "a", target_handle: "tools" },
      ],
    },
  };

  test("an export holds the document and nothing of the server's", () => {
    expect(Object.keys(documentOf(workflow)).sort()).toEqual(["graph", "name", "schema_version"]);
  });

  test("names of files and copies", () => {
    expect(fileNameOf(workflow.name)).toBe("under-work.json");
    expect(fileNameOf("…")).toBe("workflow.json");
    expect(copyOf(documentOf(workflow)).name).toBe("Ünder Wörk! (copy)");
  });

  test("files that are no workflow are refused in words", () => {
    expect(() => parseDocument("{")).toThrow("not valid JSON");
    expect(() => parseDocument("[]")).toThrow("not a Nexus workflow");
    expect(parseDocument('{"name": "x", "graph": {}}').name).toBe("x");
  });

  test("nodes in a few words", () => {
    expect(ingredientsOf(workflow)).toEqual({ nodes: 3, models: ["demo/small"], tools: ["template"] });
    expect(workflow.graph.nodes.map(usesOf)).toEqual(["demo/small", "template", "yes / no"]);
    expect(nameOf(workflow.graph.nodes[0], "a")).toBe("a");
    expect(incomingOf(workflow, "a")).toEqual([{ id: "t", handle: null, attached: true }]);
  });
});

test("models are grouped, configured providers first", () => {
  const model = (id: string, configured: boolean): Model => ({
    id,
    provider: id.split("/")[0] ?? "",
    mode: "chat",
    configured,
    input_usd_per_mtok: 1,
    output_usd_per_mtok: 1,
    context_window: 1,
    max_output_tokens: 1,
  });
  const models = [model("openai/x", false), model("demo/a", true), model("anthropic/y", false), model("demo/b", true)];
  expect(groupModels(models).map((group) => [group.name, group.configured, group.models.length])).toEqual([
    ["Demo", true, 2],
    ["Anthropic", false, 1],
    ["OpenAI", false, 1],
  ]);
  expect(searchModels(models, "DEMO b").map((found) => found.id)).toEqual(["demo/b"]);
});

test("every state has a word, and ends or goes on", () => {
  expect(new Set(EXECUTION_STATUSES.map((status) => executionLook(status).word)).size).toBe(6);
  expect(EXECUTION_STATUSES.filter(isTerminal)).toEqual(["succeeded", "failed", "cancelled", "budget_exceeded"]);
  expect(EXECUTION_STATUSES.filter(isResumable)).toEqual(["failed", "cancelled", "budget_exceeded"]);
  expect(isExecutionStatus("nonsense")).toBe(false);
});

test("events in words", () => {
  const event = { execution_id: "x", agent_id: null, timestamp: "t" };
  expect(describeEvent({ ...event, seq: 9, type: "execution_started", data: {} }).text).toBe("Run resumed");
  expect(describeEvent({ ...event, seq: 9, type: "execution_completed", data: { status: "failed" } }).text).toBe(
    "Run ended: failed",
  );
  expect(
    describeEvent({ ...event, seq: 2, type: "agent_completed", data: { cost_usd: 0.002, latency_ms: 1_500 } }),
  ).toEqual({ text: "succeeded", detail: "$0.002 · 1.5 s" });
});

describe("announcements", () => {
  beforeEach(() => {
    vi.useFakeTimers();
  });
  afterEach(() => {
    vi.useRealTimers();
  });

  test("at most one every two seconds, and always the latest", () => {
    const told: string[] = [];
    const queue = announcements((text) => told.push(text));
    queue.say("one");
    queue.say("two");
    queue.say("three");
    expect(told).toEqual(["one"]);
    vi.advanceTimersByTime(2_000);
    expect(told).toEqual(["one", "three"]);
    queue.say("four");
    queue.stop();
    vi.advanceTimersByTime(10_000);
    expect(told).toEqual(["one", "three"]);
  });
});
