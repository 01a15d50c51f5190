// Forms from schemas, and JSON back from forms.
import { describe, expect, test } from "vitest";
import type { JsonObject } from "./api/types";
import { fieldsOf, initialValues, readForm, serverErrors } from "./schema-form";

const SCHEMA: JsonObject = {
  type: "object",
  properties: {
    note: { type: "string", maxLength: 4000 },
    topic: { type: "string", title: "The topic", description: "What about", minLength: 2, default: "Rust" },
    words: { type: "integer", minimum: 10, maximum: 100 },
    ratio: { type: ["number", "null"] },
    tone: { enum: ["dry", 2, null], default: 2 },
    cite: { type: "boolean", default: true },
    tags: { type: "array", default: ["a"] },
    anything: true,
  },
  required: ["topic", "words"],
};

const fields = fieldsOf(SCHEMA);
const read = (values: Record<string, string>) => readForm(fields, { ...initialValues(fields), ...values });

describe("fields", () => {
  test("required ones come first, the rest in the schema's order", () => {
    expect(fields.map((field) => field.name)).toEqual([
      "topic",
      "words",
      "note",
      "ratio",
      "tone",
      "cite",
      "tags",
      "anything",
    ]);
  });

  test("each type has its control", () => {
    expect(Object.fromEntries(fields.map((field) => [field.name, field.kind]))).toEqual({
      topic: "text",
      words: "integer",
      note: "longtext",
      ratio: "number",
      tone: "choice",
      cite: "boolean",
      tags: "json",
      anything: "json",
    });
  });

  test("titles, and names as words", () => {
    expect(fields[0]?.label).toBe("The topic");
    expect(fieldsOf({ properties: { max_wordCount: {} } })[0]?.label).toBe("Max word Count");
  });

  test("defaults and examples are there at first", () => {
    expect(initialValues(fields)).toMatchObject({ topic: "Rust", tone: "1", cite: "true", tags: '[\n  "a"\n]' });
    expect(fieldsOf({ properties: { a: { type: "string", examples: ["x"] } } })[0]?.initial).toBe("x");
  });

  test("strings that are called like prose get room", () => {
    const properties = { text: { type: "string" }, customer_message: { type: "string" }, context: { type: "string" } };
    expect(fieldsOf({ properties }).map((field) => field.kind)).toEqual(["longtext", "longtext", "text"]);
  });

  test("no schema, no fields", () => {
    expect(fieldsOf(undefined)).toEqual([]);
    expect(fieldsOf({ type: "object" })).toEqual([]);
  });
});

describe("reading", () => {
  test("texts become values of their types; empty optional ones are left out", () => {
    expect(read({ words: " 20 ", ratio: "0.5", tone: "0", cite: "false", anything: "null" })).toEqual({
      inputs: { topic: "Rust", words: 20, ratio: 0.5, tone: "dry", cite: false, tags: ["a"], anything: null },
    });
  });

  test.each([
    ["words", "", "This is needed."],
    ["words", "1.5", "Enter a whole number."],
    ["words", "many", "Enter a number."],
    ["words", "9", "At least 10."],
    ["words", "101", "At most 100."],
    ["topic", "", "This is needed."],
    ["topic", "x", "At least 2 characters."],
    ["tags", "[", "This is not valid JSON."],
    ["tone", "9", "Choose one."],
  ])("%s = %j: %s", (name, text, message) => {
    expect(read({ words: "20", [name]: text })).toEqual({ errors: { [name]: message } });
  });

  test("characters are counted as people count them", () => {
    expect(read({ words: "20", topic: "🦀" })).toEqual({ errors: { topic: "At least 2 characters." } });
  });
});

test("the server's complaints find their fields", () => {
  expect(
    serverErrors(fields, [
      { path: "/inputs/topic", message: "too short." },
      { path: "/topic", message: "too dull." },
      { path: "/tags/0", message: "no." },
      { path: "/graph", message: "other." },
    ]),
  ).toEqual({ topic: "too short. too dull.", tags: "no.", "": "other." });
});
