// Money, durations, counts: every boundary where the shape of the text changes.
import { describe, expect, test } from "vitest";
import { formatRate, formatUsd, parseUsdField, spentShare, usdFieldValue } from "./money";
import { formatCount, plural, shortId, textOf, textsOf, titleOf } from "./text";
import { elapsedMs, formatAgo, formatDuration } from "./time";

describe("money", () => {
  test.each([
    [0, "$0.00"],
    [1e-12, "<$0.0001"],
    [0.000099, "<$0.0001"],
    [0.0001, "$0.0001"],
    [0.00123, "$0.0012"],
    [0.05, "$0.05"],
    [0.5, "$0.50"],
    [0.1444, "$0.1444"],
    [0.99994, "$0.9999"],
    [0.99996, "$1.00"],
    [1.005, "$1.01"],
    [12.3456, "$12.35"],
    [1_234_567.8, "$1,234,567.80"],
    [-0.25, "−$0.25"],
    [-0.00001, "−<$0.0001"],
    [null, "–"],
    [undefined, "–"],
    [Number.NaN, "–"],
    [Number.POSITIVE_INFINITY, "–"],
  ])("formatUsd(%s) is %s", (value, text) => expect(formatUsd(value)).toBe(text));

  test("no amount is ever shown in scientific notation", () => {
    for (let exponent = -15; exponent <= 20; exponent += 1) {
      expect(formatUsd(3.3 * 10 ** exponent)).not.toMatch(/e/i);
      expect(formatRate(3.3 * 10 ** exponent)).not.toMatch(/e[+-]/i);
      expect(usdFieldValue(3.3 * 10 ** exponent)).not.toMatch(/e/i);
    }
  });

  test.each([
    [0, "free"],
    [0.00001, "<$0.0001"],
    [0.0375, "$0.0375"],
    [0.05, "$0.05"],
    [1.25, "$1.25"],
    [75, "$75.00"],
    [null, "–"],
  ])("formatRate(%s) is %s", (value, text) => expect(formatRate(value)).toBe(text));

  test.each([
    [0.5, "0.5"],
    [10, "10"],
    [100, "100"],
    [0.0000001, "0.0000001"],
    [1e-12, "0.000000000001"],
    [null, ""],
  ])("usdFieldValue(%s) is %s and reads back", (value, text) => {
    expect(usdFieldValue(value)).toBe(text);
    expect(parseUsdField(text)).toBe(value);
  });

  test.each([
    ["", null],
    ["  ", null],
    ["$0.50", 0.5],
    [" 2 ", 2],
    [".5", 0.5],
    ["0", undefined],
    ["-1", undefined],
    ["1e3", undefined],
    ["1,5", undefined],
    ["abc", undefined],
  ])("parseUsdField(%j) is %s", (text, value) => expect(parseUsdField(text)).toBe(value));

  test("the share of the cap stays between nothing and all", () => {
    expect(spentShare(0.25, 0.5)).toBe(0.5);
    expect(spentShare(2, 1)).toBe(1);
    expect(spentShare(1, null)).toBeNull();
    expect(spentShare(1, 0)).toBeNull();
  });
});

describe("time", () => {
  test.each([
    [0, "0 ms"],
    [999, "999 ms"],
    [1_000, "1.0 s"],
    [9_949, "9.9 s"],
    [9_950, "10 s"],
    [59_499, "59 s"],
    [59_500, "1 m 00 s"],
    [125_000, "2 m 05 s"],
    [3_600_000, "1 h 00 m"],
    [11_220_000, "3 h 07 m"],
    [187_200_000, "2 d 04 h"],
    [-5, "0 ms"],
    [null, "–"],
  ])("formatDuration(%s) is %s", (ms, text) => expect(formatDuration(ms)).toBe(text));

  test("ages", () => {
    const now = Date.parse("2026-03-10T12:00:00Z");
    const ago = (seconds: number) => formatAgo(now - seconds * 1000, now);
    expect([ago(-3), ago(4), ago(5), ago(59), ago(60), ago(3_599), ago(3_600), ago(86_400), ago(6 * 86_400)]).toEqual([
      "just now",
      "just now",
      "5 s ago",
      "59 s ago",
      "1 m ago",
      "59 m ago",
      "1 h ago",
      "1 d ago",
      "6 d ago",
    ]);
    expect(ago(8 * 86_400)).toMatch(/^2026-03-0\d$/);
    expect(formatAgo("nonsense", now)).toBe("–");
    expect(formatAgo(null, now)).toBe("–");
  });

  test("elapsed time is open until there is an end", () => {
    const start = "2026-03-10T12:00:00Z";
    const now = Date.parse(start) + 5_000;
    expect(elapsedMs(null, null, now)).toBeNull();
    expect(elapsedMs(start, null, now)).toBe(5_000);
    expect(elapsedMs(start, "2026-03-10T12:00:02Z", now)).toBe(2_000);
    expect(elapsedMs(start, null, now - 60_000)).toBe(0);
  });
});

describe("text", () => {
  test.each([
    [0, "0"],
    [9_999, "9,999"],
    [10_000, "10 k"],
    [12_340, "12.3 k"],
    [128_000, "128 k"],
    [999_949, "999.9 k"],
    [999_950, "1 M"],
    [1_250_000, "1.25 M"],
    [null, "–"],
  ])("formatCount(%s) is %s", (value, text) => expect(formatCount(value)).toBe(text));

  test("ids are told apart by their end", () => {
    expect(shortId("01998a2e-7b1c-7def-8123-456789abcdef")).toBe("…89abcdef");
    expect(shortId("short")).toBe("short");
  });

  test("one and many", () => {
    expect([plural(0, "run"), plural(1, "run"), plural(2_000, "run")]).toEqual(["0 runs", "1 run", "2,000 runs"]);
  });

  test("objects of texts, and names for people", () => {
    expect(textsOf({ prompt: "a", system: null, extra: "" })).toEqual([["prompt", "a"]]);
    expect(textsOf({ prompt: "a", n: 1 })).toBeNull();
    expect(textsOf({})).toBeNull();
    expect(textsOf(["a"])).toBeNull();
    expect([titleOf("customer_name"), titleOf("maxWords"), titleOf("_")]).toEqual(["Customer name", "Max Words", "_"]);
  });

  test("only an output that is nothing but text is shown as text", () => {
    expect(textOf("a")).toBe("a");
    expect(textOf({ text: "a" })).toBe("a");
    expect(textOf({ text: "a", more: 1 })).toBeNull();
    expect(textOf({ text: 1 })).toBeNull();
    expect(textOf([{ text: "a" }])).toBeNull();
    expect(textOf(null)).toBeNull();
  });
});
