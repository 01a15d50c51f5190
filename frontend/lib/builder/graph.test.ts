// The graph of a document: what may be connected, who comes before whom, and changes that keep it whole.
import { describe, expect, test } from "vitest";
import type { WorkflowDocument, WorkflowNode } from "../api/types";
import { KINDS, searchKinds } from "./catalog";
import { copyText, paste, readClip } from "./clipboard";
import { difference, summary } from "./diff";
import { ancestorsOf, casesOf, descendantsOf, orderOf, targetsFrom, whyNot } from "./graph";
import { addNode, changeId, connect, freeId, insertInto, normalized, remove, setAt, setCases, setField } from "./ops";
import { describeNode, findNodes, outlineOf } from "./outline";
import { referencesIn } from "./references";

const agent = (id: string, prompt = ""): WorkflowNode => ({
  id,
  type: "agent",
  config: { model: "demo/small", prompt },
});
const text = (id: string, template = ""): WorkflowNode => ({
  id,
  type: "tool",
  config: { tool: "template", template },
});
const fork = (id: string): WorkflowNode => ({
  id,
  type: "conditional",
  config: { cases: [{ handle: "yes", when: "true" }], else: "no" },
});

/** a → b → fork -yes→ c, with t attached to a. */
function sample(): WorkflowDocument {
  return {
    schema_version: 1,
    name: "Sample",
    graph: {
      nodes: [
        agent("a"),
        text("b", "{{ nodes.a.output.text }}"),
        fork("f"),
        text("c", 'x {{ nodes["a"].output }}'),
        text("t"),
      ],
      edges: [
        { id: "e1", source: "a", target: "b" },
        { id: "e2", source: "b", target: "f" },
        { id: "e3", source: "f", target: "c", source_handle: "yes" },
        { id: "e4", source: "t", target: "a", target_handle: "tools" },
      ],
    },
  };
}

const wish = (
  source: string,
  target: string,
  sourceHandle: string | null = null,
  targetHandle: string | null = null,
) => ({
  source,
  target,
  sourceHandle,
  targetHandle,
});

describe("what may be connected", () => {
  test.each([
    [wish("a", "a"), "itself"],
    [wish("c", "a"), "circle"],
    [wish("a", "b"), "already"],
    [wish("f", "b", "maybe"), "one of its cases"],
    [wish("a", "b", null, "tools"), "Only agents"],
    [wish("f", "a", "no", "tools"), "Only tools"],
    [wish("b", "a", null, "tools"), "a step already"],
    [wish("t", "b"), "attached to an agent"],
    [wish("b", "t"), "attached to an agent"],
    [wish("a", "nobody"), "does not exist"],
  ])("%o: %s", (wanted, reason) => {
    expect(whyNot(sample(), wanted)).toContain(reason);
  });

  test("whatever fits, fits", () => {
    expect(whyNot(sample(), wish("f", "c", "no"))).toBeNull();
    expect(whyNot(sample(), wish("a", "c"))).toBeNull();
    expect(targetsFrom(sample(), "f", "no").map((one) => one.target)).toEqual(["c"]);
    const free = addNode(sample(), KINDS[3] as (typeof KINDS)[number], { x: 0, y: 0 });
    expect(targetsFrom(free.document, free.id, null)).toContainEqual(wish(free.id, "a", null, "tools"));
  });
});

describe("who comes before whom", () => {
  test("ancestors, descendants, order", () => {
    expect([...ancestorsOf(sample(), "c")].sort()).toEqual(["a", "b", "f"]);
    expect([...ancestorsOf(sample(), "t")]).toEqual([]);
    expect([...descendantsOf(sample(), "b")].sort()).toEqual(["c", "f"]);
    expect(orderOf(sample())).toEqual(["a", "t", "b", "f", "c"]);
    expect(casesOf(fork("f"))).toEqual(["yes", "no"]);
  });

  test("a circle in a file does not hang anything", () => {
    const document = sample();
    document.graph.edges.push({ id: "e5", source: "c", target: "a" });
    expect(orderOf(document).sort()).toEqual(["a", "b", "c", "f", "t"]);
    expect(descendantsOf(document, "a").has("a")).toBe(true);
  });

  test("the outline has tools under their agent, and says what it is about", () => {
    expect(outlineOf(sample()).map((row) => `${row.level} ${row.node.id} ${row.after.join("+")}`)).toEqual([
      "1 a ",
      "2 t ",
      "1 b a",
      "1 f b",
      "1 c f (yes)",
    ]);
    expect(describeNode(sample(), "a", 2)).toBe(
      "a, Agent, demo/small. Starts at once. Tools: t. Goes to b. 2 problems.",
    );
    expect(describeNode(sample(), "f", 0)).toContain("Goes to c when yes.");
    expect(describeNode(sample(), "t", 0)).toContain("Tool of a.");
    expect(findNodes(sample(), "TEMPLATE output.text").map((node) => node.id)).toEqual(["b"]);
  });
});

describe("changes", () => {
  test("ids are free, and what people call nodes counts on", () => {
    expect(freeId("a", new Set(["a", "a_2"]))).toBe("a_3");
    expect(freeId("2 words", new Set())).toBe("_2_words");
    const first = addNode(sample(), KINDS[0] as (typeof KINDS)[number], { x: 0, y: 0 });
    const second = addNode(first.document, KINDS[0] as (typeof KINDS)[number], { x: 0, y: 0 });
    expect([first.id, second.id]).toEqual(["agent", "agent_2"]);
    expect(second.document.graph.nodes.at(-1)?.name).toBe("Agent 2");
  });

  test("edges without ids get some, and only then the document is another", () => {
    const good = sample();
    expect(normalized(good)).toBe(good);
    const bad = {
      ...good,
      graph: {
        ...good.graph,
        edges: [
          { source: "a", target: "b" },
          { id: "", source: "b", target: "f" },
        ],
      },
    };
    const ids = normalized(bad).graph.edges.map((edge) => edge.id);
    expect(new Set(ids).size).toBe(2);
    expect(ids).not.toContain("");
  });

  test("removing a node takes its edges along", () => {
    const document = remove(sample(), new Set(["b"]), new Set());
    expect(document.graph.edges.map((edge) => edge.id)).toEqual(["e3", "e4"]);
  });

  test("a node put into an edge keeps both ends connected", () => {
    const edge = sample().graph.edges[2];
    const made = insertInto(sample(), edge as NonNullable<typeof edge>, KINDS[0] as (typeof KINDS)[number], {
      x: 0,
      y: 0,
    });
    const edges = made.document.graph.edges.map((one) => `${one.source}${one.source_handle ?? ""}>${one.target}`);
    expect(edges).toEqual(["a>b", "b>f", "t>a", "fyes>agent", "agent>c"]);
  });

  test("fields are set and removed, and nothing empty stays behind", () => {
    const one = setField(sample(), "a", ["policy", "retry", "max_attempts"], 5);
    expect(one.graph.nodes[0]?.policy).toEqual({ retry: { max_attempts: 5 } });
    const two = setField(one, "a", ["policy", "retry", "max_attempts"], undefined);
    expect(two.graph.nodes[0]).not.toHaveProperty("policy");
    expect(setAt({ a: 1 }, ["b"], undefined)).toEqual({ a: 1 });
    const same = sample();
    expect(setField(same, "nobody", ["name"], "x")).toBe(same);
  });

  test("edges follow a case that is renamed, and go with one that is removed", () => {
    const renamed = setCases(sample(), "f", [{ handle: "aye", when: "true", was: "yes" }], { handle: "no", was: "no" });
    expect(renamed.graph.edges.find((edge) => edge.id === "e3")?.source_handle).toBe("aye");
    const removed = setCases(sample(), "f", [], { handle: "no", was: "no" });
    expect(removed.graph.edges.some((edge) => edge.id === "e3")).toBe(false);
  });

  test("an id changes wherever it is used, and nowhere else", () => {
    const document = changeId(connect(sample(), wish("a", "c")), "a", "start");
    expect(document.graph.nodes.map((node) => node.id)).toEqual(["start", "b", "f", "c", "t"]);
    expect(document.graph.nodes[1]?.config.template).toBe("{{ nodes.start.output.text }}");
    expect(document.graph.nodes[3]?.config.template).toBe('x {{ nodes["start"].output }}');
    expect(document.graph.edges.filter((edge) => edge.source === "start")).toHaveLength(2);
    const ab = changeId(
      { ...sample(), graph: { ...sample().graph, nodes: [agent("a"), text("x", "{{ nodes.ab.output }}")] } },
      "a",
      "z",
    );
    expect(ab.graph.nodes[1]?.config.template).toBe("{{ nodes.ab.output }}");
    expect(changeId(sample(), "a", "b").graph.nodes[0]?.id).toBe("a");
    expect(referencesIn("nodes.a.output + nodes['b'].x + knodes.c")).toEqual(["a", "b"]);
  });
});

describe("the clipboard", () => {
  test("a part is pasted with free ids, and its references follow", () => {
    const clip = readClip(copyText(sample(), new Set(["a", "b"])));
    const made = paste(sample(), clip as NonNullable<typeof clip>, { x: 100, y: 100 });
    expect(made.ids).toEqual(["a_2", "b_2"]);
    const pasted = made.document.graph.nodes.find((node) => node.id === "b_2");
    expect(pasted?.config.template).toBe("{{ nodes.a_2.output.text }}");
    expect(pasted?.position).toEqual({ x: 124, y: 124 });
    expect(made.document.graph.edges.filter((edge) => edge.source === "a_2")).toEqual([
      expect.objectContaining({ target: "b_2" }),
    ]);
  });

  test("whole documents can be pasted, other texts cannot", () => {
    expect(readClip(JSON.stringify(sample()))?.nodes).toHaveLength(5);
    for (const other of ["", "hello", "{", "{}", '{"kind":"nexus-nodes","nodes":[{"id":"<b>"}]}', "[1]"]) {
      expect(readClip(other), other).toBeNull();
    }
  });
});

describe("differences", () => {
  test("are told in words, moves as one line", () => {
    const after = setField(sample(), "b", ["config", "template"], "new");
    const changed = remove(after, new Set(["c"]), new Set());
    const changes = difference(sample(), changed);
    expect(changes.map((change) => `${change.kind} ${change.what}`)).toEqual([
      "changed Tool “b”",
      "removed Tool “c”",
      "removed Connection f (yes) → c",
    ]);
    expect(changes[0]?.fields).toEqual([{ field: "Template", before: "{{ nodes.a.output.text }}", after: "new" }]);
    expect(summary(changes)).toBe("1 changed, 2 removed");
    expect(summary(difference(sample(), sample()))).toBe("no difference");
  });
});

test("kinds are found by what people call them", () => {
  expect(searchKinds("if")[0]?.key).toBe("conditional");
  expect(searchKinds("llm")[0]?.key).toBe("agent");
  expect(searchKinds("zzz")).toEqual([]);
});
