// Counts, ids and values as short text.
import type { Json, Tokens } from "../api/types";

/** `812`, `12.4 k`, `128 k`, `1.25 M`, `1 M`. */
export function formatCount(value: number | null | undefined): string {
  if (value === null || value === undefined || !Number.isFinite(value)) return "–";
  if (value < 10_000) return value.toLocaleString("en-US");
  if (value < 999_950) return `${trimmed(value / 1000, 1)} k`;
  return `${trimmed(value / 1_000_000, 2)} M`;
}

function trimmed(value: number, decimals: number): string {
  return value.toFixed(decimals).replace(/\.?0+$/, "");
}

export function totalTokens(tokens: Tokens | null | undefined): number {
  return tokens ? tokens.prompt + tokens.completion : 0;
}

/** UUIDv7 begins with the time, so neighbours look alike: the end tells them apart. */
export function shortId(id: string): string {
  return id.length > 12 ? `…${id.slice(-8)}` : id;
}

export function plural(count: number, one: string, many = `${one}s`): string {
  return `${count.toLocaleString("en-US")} ${count === 1 ? one : many}`;
}

/** The text of an agent's answer, if the output is nothing but that. */
export function textOf(output: Json | undefined): string | null {
  if (typeof output === "string") return output;
  if (typeof output !== "object" || output === null || Array.isArray(output)) return null;
  const keys = Object.keys(output);
  return keys.length === 1 && keys[0] === "text" && typeof output.text === "string" ? output.text : null;
}

export function prettyJson(value: unknown): string {
  return JSON.stringify(value, null, 2) ?? "";
}

/** The members of an object that holds nothing but texts, empty and missing ones left out; null for anything else. */
export function textsOf(value: Json): [string, string][] | null {
  if (typeof value !== "object" || value === null || Array.isArray(value)) return null;
  const entries = Object.entries(value).filter(([, member]) => member !== null && member !== "");
  return entries.length > 0 && entries.every(([, member]) => typeof member === "string")
    ? (entries as [string, string][])
    : null;
}

/** A name for programs as a name for people: `customer_name` becomes `Customer name`. */
export function titleOf(name: string): string {
  const words = name
    .replace(/([a-z0-9])([A-Z])/g, "$1 $2")
    .replace(/[_-]+/g, " ")
    .trim();
  return words === "" ? name : words.charAt(0).toUpperCase() + words.slice(1);
}
