// What strangers' pages and free-form JSON become on the page: tables, differences, snippets, versions, analysis.
import { describe, expect, test } from "vitest";
import type { Json } from "../api/types";
import { answerFacts } from "./answer";
import { countChanges, diffLines, hunksOf } from "./line-diff";
import { pythonLines } from "./python-words";
import { fieldOrder, readAnalysis, readAttempts, schemaFields } from "./read";
import { cellText, isNumeric, linkOf, tableOf } from "./records";
import { matches } from "./search";
import { snippetsOf } from "./snippets";
import { versionsOf } from "./versions";
import { workflowFor } from "./workflow";

describe("records", () => {
  test("columns in order of appearance, a field that only some have included", () => {
    const table = tableOf([{ a: 1, b: null }, { b: 2, c: [1, 2] }, "loose"]);
    expect(table.columns).toEqual(["a", "b", "c", "value"]);
    expect(table.plain).toBe(true);
    expect([isNumeric(table, "a"), isNumeric(table, "c"), isNumeric(table, "value")]).toEqual([true, false, false]);
    expect(tableOf([{ a: 1, b: 2, c: 3 }], ["c", "x", "a"]).columns).toEqual(["c", "a", "b"]);
    expect(tableOf(null).rows).toEqual([]);
    expect(tableOf({ a: 1 }).rows).toHaveLength(1);
  });

  test("cells are text, links are http only", () => {
    expect([cellText(null), cellText(0), cellText(["a", 1]), cellText({ a: 1 })]).toEqual(["", "0", "a, 1", '{"a":1}']);
    expect(linkOf("https://example.com/a b")).toBe("https://example.com/a%20b");
    for (const no of [
      "javascript:alert(1)",
      "JAVASCRIPT:alert(1)",
      "data:text/html,x",
      "//example.com",
      "https://",
      1,
      null,
    ]) {
      expect(linkOf(no as Json)).toBeNull();
    }
  });

  test("searching wants every word, wherever it stands", () => {
    const job = { id: "0190", url: "https://example.com/books", description: "Title and price" };
    expect([matches(job, "price EXAMPLE"), matches(job, "price shoes"), matches(job, "")]).toEqual([true, false, true]);
  });
});

describe("differences of code", () => {
  const kinds = (a: string, b: string) => diffLines(a, b).map((line) => `${line.kind[0]}${line.text}`);

  test("lines that came, went and stayed", () => {
    expect(kinds("a\nb\nc\n", "a\nx\nc\n")).toEqual(["sa", "rb", "ax", "sc"]);
    expect(kinds("", "a\n")).toEqual(["aa"]);
    expect(kinds("a\n", "")).toEqual(["ra"]);
    expect(kinds("a\n", "a")).toEqual(["sa"]);
    expect(kinds("a\nb\na\nb", "b\na\nb\na")).toHaveLength(5);
  });

  test("both texts can be read off the difference, whatever they are", () => {
    let seed = 7;
    const random = (most: number) => {
      seed = (seed * 1_103_515_245 + 12_345) % 2_147_483_648;
      return seed % most;
    };
    for (let round = 0; round < 200; round += 1) {
      const make = () => Array.from({ length: random(12) }, () => "abc"[random(3)]).join("\n");
      const [a, b] = [make(), make()];
      const lines = diffLines(a, b);
      const text = (side: "removed" | "added") =>
        lines
          .filter((line) => line.kind === "same" || line.kind === side)
          .map((line) => line.text)
          .join("\n");
      expect([text("removed"), text("added")]).toEqual([a, b]);
      expect(lines.flatMap((line) => line.after ?? [])).toEqual(
        lines.filter((line) => line.after !== null).map((_, i) => i + 1),
      );
    }
  });

  test("what did not change is folded", () => {
    const before = Array.from({ length: 30 }, (_, index) => `line ${index}`).join("\n");
    const lines = diffLines(before, before.replace("line 15", "changed"));
    expect(countChanges(lines)).toEqual({ added: 1, removed: 1 });
    const shown = hunksOf(lines);
    expect(shown.filter((line) => line.kind === "gap")).toEqual([
      { kind: "gap", lines: 12 },
      { kind: "gap", lines: 11 },
    ]);
    expect(shown).toHaveLength(10);
    expect(hunksOf(diffLines("a", "a"))).toEqual([{ kind: "gap", lines: 1 }]);
  });

  test("very long texts are compared without taking forever", () => {
    const long = (word: string) => Array.from({ length: 5_000 }, (_, index) => `${word} ${index}`).join("\n");
    expect(countChanges(diffLines(long("a"), long("b")))).toEqual({ added: 5_000, removed: 5_000 });
  });

  test("coloured code is the code", () => {
    const code =
      '"""A\nscraper."""\nimport re  # so\n\n\ndef scrape_data(url):\n    return {"data": [], \'x\': "a\\"b"}\n';
    const lines = pythonLines(code);
    expect(`${lines.map((line) => line.map((piece) => piece.text).join("")).join("\n")}\n`).toBe(code);
    expect(lines[0]?.[0]?.kind).toBe("string");
    expect(lines[2]?.map((piece) => piece.kind)).toEqual(["word", "plain", "comment"]);
    expect(pythonLines("")).toEqual([[]]);
  });
});

describe("snippets", () => {
  const options = {
    origin: "http://127.0.0.1:8080",
    path: "/api/v1/generated/0190",
    query: { fresh: true, limit: 5, offset: 0 },
    key: false,
  };

  test("the address is complete, with what was asked for", () => {
    const snippets = snippetsOf(options);
    expect(snippets.map((snippet) => snippet.key)).toEqual(["curl", "python", "typescript"]);
    for (const { code } of snippets) {
      expect(code).toContain("http://127.0.0.1:8080/api/v1/generated/0190?fresh=true&limit=5");
      expect(code).not.toContain("NEXUS_API_KEY");
      expect(code).not.toContain("offset");
    }
  });

  test("a key is named and never written", () => {
    for (const { code } of snippetsOf({ ...options, key: true })) expect(code).toContain("NEXUS_API_KEY");
  });
});

describe("answers", () => {
  test("old records are said to be old, and why", () => {
    const facts = answerFacts({
      metadata: {
        total: 24,
        cached: true,
        age_seconds: 90,
        stale: true,
        error: { message: "The site is down." },
        warnings: ["w"],
      },
    });
    expect(facts.total).toBe(24);
    expect(facts.from).toBe("kept from a run 1 m 30 s ago");
    expect(facts.warnings).toEqual(["These records are old: reading the site failed. The site is down.", "w"]);
    expect(answerFacts({ metadata: {} })).toEqual({ total: null, from: null, warnings: [], fields: [] });
    expect(answerFacts({ metadata: { cached: false } }).from).toBe("read from the site just now");
  });
});

describe("analysis and attempts", () => {
  const source = { kind: "elements", select: "article.book", siblings: 0 };
  const analysis: Json = {
    title: "Books",
    page_type: "list",
    encoding: "utf-8",
    obstacle: null,
    wanted: { fields: ["title", "price"], things: ["book"], all_pages: true },
    missing: ["rating"],
    regions: [
      {
        source,
        count: 20,
        score: 1.5,
        columns: [
          { field: { name: "title", kind: "text" }, fill: 1, constant: false, samples: ["Tides"] },
          { field: {}, fill: 1 },
          "nonsense",
        ],
      },
      { source: { kind: "json_ld", types: ["Book"] }, count: 2, columns: [] },
    ],
    pagination: { next: "li.next a" },
    recipe: { source, fields: [], max_pages: 10 },
    schema: {
      type: "array",
      items: {
        type: "object",
        properties: {
          title: { type: ["string", "null"], description: "A text" },
          tags: { type: ["array", "null"], items: { type: ["string", "number"] } },
        },
      },
    },
    records: 20,
    requests: [{ method: "GET", url: "https://example.com", status: 200, refused: null }],
  };

  test("the miner's analysis in words", () => {
    const view = readAnalysis(analysis);
    expect(view).toMatchObject({
      title: "Books",
      pageType: "list",
      missing: ["rating"],
      pagination: "A link to the next page",
      pages: 10,
      records: 20,
    });
    expect(view?.regions.map((region) => [region.count, region.chosen, region.columns.length])).toEqual([
      [20, true, 1],
      [2, false, 0],
    ]);
    expect(view?.schema).toEqual([
      { name: "title", type: "string, or null", about: "A text" },
      { name: "tags", type: "array of string or number, or null", about: null },
    ]);
    expect(view?.requests).toHaveLength(1);
    expect(fieldOrder({ recipe: { fields: [{ name: "title" }, {}, { name: "price" }] } })).toEqual(["title", "price"]);
    expect([fieldOrder(null), fieldOrder({ recipe: [] })]).toEqual([[], []]);
  });

  test("whatever else it is, the page does not break", () => {
    for (const value of [null, "x", 1, [], [1]] as Json[]) expect(readAnalysis(value)).toBeNull();
    for (const value of [{}, { regions: "x", schema: 3, wanted: [], pagination: [], recipe: "r" }] as Json[]) {
      expect(readAnalysis(value)).toMatchObject({ regions: [], schema: [], wanted: [] });
    }
    expect(schemaFields({ properties: { a: true } })).toEqual([{ name: "a", type: "anything", about: null }]);
  });

  test("attempts, newest fields and missing ones", () => {
    const attempts = readAttempts([
      {
        attempt: 1,
        version: null,
        source: "miner",
        status: "failed",
        code: "old",
        error: { code: "ScraperGenerationError", message: "Empty.", suggestion: "Ask." },
        records: 0,
        requests: [{ url: "u" }],
      },
      { attempt: 2, version: 1, source: "model", status: "succeeded", code: "new", cost_usd: 0.01 },
      "nonsense",
      {},
    ]);
    expect(attempts.map((one) => [one.number, one.version, one.ok, one.says, one.costUsd])).toEqual([
      [1, null, false, "Empty.", null],
      [2, 1, true, null, 0.01],
      [3, null, null, null, null],
    ]);
    expect(readAttempts(undefined)).toEqual([]);
  });

  test("versions: the attempts', and always the one in use", () => {
    const attempts = [
      { attempt: 1, version: 1, status: "succeeded", source: "miner", code: "one" },
      { attempt: 2, version: null, status: "failed", source: "model", code: "bad" },
      { attempt: 3, version: 2, status: "succeeded", source: "model", code: "two" },
    ] as Json[];
    const seen = (code: string, version: number) =>
      versionsOf({ scraper_code: code, code_version: version, attempts }).map((one) => [
        one.number,
        one.code,
        one.madeBy,
      ]);
    expect(seen("two", 2)).toEqual([
      [2, "two", "model"],
      [1, "one", "miner"],
    ]);
    expect(seen("three", 3)[0]).toEqual([3, "three", "repair"]);
    expect(versionsOf({ scraper_code: "one", code_version: 1, attempts: [] })[0]?.madeBy).toBeNull();
    expect(versionsOf({ scraper_code: null, code_version: null, attempts: [] })).toEqual([]);
  });
});

describe("in a workflow", () => {
  test("the offered workflow reads the scraper, and nothing of its description is a template", () => {
    const document = workflowFor({ id: "0190", description: `  {{ inputs.x }} ${"y".repeat(300)}` });
    expect(document.graph.nodes.map((node) => node.config.tool ?? node.type)).toEqual([
      "scraper",
      "agent",
      "memory_store",
    ]);
    expect(document.graph.nodes[0]?.config.job_id).toBe("0190");
    expect(document.name.length).toBeLessThanOrEqual(100);
    expect(JSON.stringify(document.graph)).not.toContain("inputs.x");
  });
});
