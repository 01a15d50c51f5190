// What is written at nodes: completion, previews, findings, schemas, policies in words.
import { describe, expect, test } from "vitest";
import type { Json, WorkflowDocument, WorkflowNode } from "../api/types";
import { candidatesAt, completionAt } from "./complete";
import { groupsOf } from "./fields";
import { sameJson } from "./json";
import { pathOf, preview, valuesIn } from "./preview";
import { byNode, findingsAt, findingsOf } from "./problems";
import { sampleInputs } from "./samples";
import { rowsOf, withRows } from "./schema-rows";
import { policyInWords } from "./words";

const node = (id: string, config: WorkflowNode["config"], type: WorkflowNode["type"] = "agent"): WorkflowNode => ({
  id,
  type,
  config,
});

const document: WorkflowDocument = {
  schema_version: 1,
  name: "D",
  inputs: { type: "object", properties: { topic: { type: "string" }, "odd name": { type: "number" } } },
  graph: {
    nodes: [
      node("draft", { model: "demo/small", prompt: "" }),
      node("judge", {
        model: "demo/small",
        prompt: "",
        output_schema: {
          type: "object",
          properties: { best: { enum: ["1"] }, why: { type: "object", properties: { text: { type: "string" } } } },
        },
      }),
      node("fetch", { tool: "http_request", url: "" }, "tool"),
      node("apart", { model: "demo/small", prompt: "" }),
    ],
    edges: [
      { id: "1", source: "draft", target: "judge" },
      { id: "2", source: "judge", target: "fetch" },
    ],
  },
};

describe("completion", () => {
  const at = (id: string, field = "prompt") =>
    candidatesAt(document, { node: id, language: "template", field }).map((one) => one.text);

  test("knows inputs and ancestors, nearest first, and nothing else", () => {
    const texts = at("fetch");
    expect(texts).toContain("inputs.topic");
    expect(texts).toContain('inputs["odd name"]');
    expect(texts).toContain("nodes.judge.output.why.text");
    expect(texts.indexOf("nodes.judge.output")).toBeLessThan(texts.indexOf("nodes.draft.output"));
    expect(texts.some((text) => text.includes("apart"))).toBe(false);
    expect(at("draft").some((text) => text.startsWith("nodes."))).toBe(false);
  });

  test("checks see their own output; the last run tells shapes that no schema does", () => {
    expect(at("judge", "checks")).toContain("output.best");
    const sample = { outputs: new Map<string, Json>([["fetch", { body: { rows: [{ id: 1 }] } }]]) };
    const found = candidatesAt(
      {
        ...document,
        graph: { ...document.graph, edges: [...document.graph.edges, { id: "3", source: "fetch", target: "apart" }] },
      },
      { node: "apart", language: "template", field: "prompt" },
      sample,
    );
    expect(found.map((one) => one.text)).toContain("nodes.fetch.output.body.rows[0].id");
  });

  test("templates complete between braces, filters after a bar, conditions everywhere", () => {
    const some = [{ text: "inputs.topic", detail: "" }];
    expect(completionAt("About inp", 9, "template", some, false)).toBeNull();
    expect(completionAt("About ", 6, "template", some, true)?.wrap).toBe(true);
    expect(completionAt("About {{ inp", 12, "template", some, false)).toMatchObject({ from: 9, wrap: false });
    expect(completionAt("{{ inputs.topic }} inp", 22, "template", some, false)).toBeNull();
    expect(completionAt("{{ x | up", 9, "template", some, false)?.candidates.map((one) => one.text)).toContain("upper");
    expect(completionAt("inp", 3, "condition", some, false)?.candidates[0]?.text).toBe("inputs.topic");
    expect(completionAt("inputs.topic", 12, "condition", some, false)).toBeNull();
  });
});

describe("previews", () => {
  const scope = {
    inputs: { topic: "tides", list: [1, { a: "b" }] },
    outputs: new Map<string, Json>([["draft", { text: "Hello" }]]),
    own: { best: "1" },
  };

  test("put values in, and mark what only a run can compute", () => {
    const shown = preview(
      "A {{ inputs.topic }} {{ nodes.draft.output.text }} {{ inputs.none }} {{ inputs.topic | upper }}{# no #}{% if x %}",
      scope,
    );
    expect(shown).toEqual([
      { kind: "text", text: "A " },
      { kind: "value", text: "tides", source: "inputs.topic" },
      { kind: "text", text: " " },
      { kind: "value", text: "Hello", source: "nodes.draft.output.text" },
      { kind: "text", text: " " },
      { kind: "missing", text: "{{ inputs.none }}" },
      { kind: "text", text: " " },
      { kind: "computed", text: "{{ inputs.topic | upper }}" },
      { kind: "computed", text: "{% if x %}" },
    ]);
    expect(pathOf('a.b[0]["c d"]')).toEqual(["a", "b", 0, "c d"]);
    expect(pathOf("a + b")).toBeNull();
    expect(preview("{{ inputs.__proto__ }}", scope)[0]?.kind).toBe("missing");
  });

  test("conditions show what they look at, calls included", () => {
    expect(valuesIn("nodes.draft.output.text.contains('x') && output.best == '2'", scope)).toEqual([
      { path: "nodes.draft.output.text", value: "Hello" },
      { path: "output.best", value: "1" },
    ]);
  });
});

test("findings know their node and field, whatever the pointer escapes", () => {
  const found = findingsOf(
    {
      valid: false,
      errors: [
        { code: "a", path: "/graph/nodes/1/config/headers/x~1y", message: "m" },
        { code: "b", path: "/graph/edges/0", message: "m" },
        { code: "c", path: "/budget/limit_usd", message: "m" },
        { code: "d", path: "", node_id: "draft", message: "m" },
      ],
      warnings: [{ code: "w", path: "/graph/nodes/1/config/prompt", message: "m" }],
    },
    document,
  );
  expect(found.map((one) => `${one.severity} ${one.node} ${one.field.join(".")}`)).toEqual([
    "error judge config.headers.x/y",
    "error judge ",
    "error null budget.limit_usd",
    "error draft ",
    "warning judge config.prompt",
  ]);
  expect(byNode(found).get("judge")).toMatchObject({ errors: 2, warnings: 1 });
  expect(findingsAt(found, ["config", "headers"])).toHaveLength(1);
});

describe("schemas", () => {
  test("a table changes what it shows and keeps what it does not", () => {
    const schema = {
      type: "object",
      properties: { a: { type: "string", minLength: 2 }, b: { type: "array", items: {} } },
      required: ["a"],
      additionalProperties: false,
    };
    const rows = rowsOf(schema);
    expect(rows?.map((row) => [row.name, row.type, row.required])).toEqual([
      ["a", "string", true],
      ["b", "array", false],
    ]);
    expect(withRows(schema, rows ?? [])).toEqual(schema);
    const changed = withRows(schema, [
      { ...(rows?.[0] as NonNullable<typeof rows>[number]), type: "number", required: false },
    ]);
    expect(changed).toEqual({ type: "object", properties: { a: { type: "number" } }, additionalProperties: false });
    expect(rowsOf({ type: "array" })).toBeNull();
    expect(rowsOf(undefined)).toEqual([]);
  });

  test("example inputs have the right types, and the last run's values first", () => {
    const schema = {
      type: "object",
      properties: {
        a: { type: "string", examples: ["x"] },
        n: { type: "integer", minimum: 3 },
        skip: { type: "string" },
        o: { type: "object", properties: { q: { enum: ["z"] } }, required: ["q"] },
      },
      required: ["n", "o"],
    };
    expect(sampleInputs(schema, undefined)).toEqual({ a: "x", n: 3, o: { q: "z" } });
    expect(sampleInputs(schema, { a: "kept", other: 1 })).toMatchObject({ a: "kept" });
  });
});

describe("settings", () => {
  test("every kind of node has its own groups, and an attached tool what models need", () => {
    const titles = (one: WorkflowNode, attached = false) => groupsOf(one, attached).map((group) => group.title);
    expect(titles(node("a", { model: "m", prompt: "" }))).toContain("Sending back");
    expect(titles(node("t", { tool: "http_request" }, "tool"))).toEqual([
      "Node",
      "Request",
      "When it fails",
      "Budget and start",
    ]);
    expect(titles(node("t", { tool: "template" }, "tool"), true)).toContain("As an agent's tool");
    expect(titles(node("c", { cases: [] }, "conditional"))).toEqual(["Node", "Cases", "Budget and start"]);
  });

  test("policies in words", () => {
    const told = policyInWords({
      ...node("a", { model: "m", prompt: "", fallbacks: ["x/y"] }),
      policy: {
        retry: { max_attempts: 5 },
        on_error: "continue",
        budget_usd: 0.05,
        backtrack: { to: "draft", max: 1 },
      },
    }).join(" ");
    expect(told).toContain("5 times in all, after 500 ms, 1.0 s, 2.0 s …");
    expect(told).toContain("Then x/y");
    expect(told).toContain("draft is done again with the reason as feedback, at most once");
    expect(told).toContain("goes on with null");
    expect(told).toContain("$0.05");
  });
});

test("JSON is the same in any order", () => {
  expect(sameJson({ a: 1, b: [{ c: null }] }, { b: [{ c: null }], a: 1 })).toBe(true);
  expect(sameJson({ a: 1 }, { a: 1, b: undefined })).toBe(true);
  expect(sameJson([1], { 0: 1 })).toBe(false);
  expect(sameJson({ a: 1 }, { a: 2 })).toBe(false);
});
