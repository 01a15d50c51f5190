// A template with the last run's data put in, as far as that is a matter of looking up values. Filters and blocks are the
// server's to compute: they are marked, not guessed.
import type { Json } from "../api/types";
import { follow } from "./json";

export type Segment =
  | { kind: "text"; text: string }
  | { kind: "value"; text: string; source: string }
  /** It refers to something that the last run does not have. */
  | { kind: "missing"; text: string }
  /** Computed when the node runs. */
  | { kind: "computed"; text: string };

export interface Scope {
  inputs?: Json | undefined;
  outputs: ReadonlyMap<string, Json>;
  /** The node's own output, for checks. */
  own?: Json | undefined;
  execution?: string | undefined;
}

const PIECE = /\{\{-?([\s\S]*?)-?\}\}|\{%-?[\s\S]*?-?%\}|\{#[\s\S]*?#\}/g;
const PATH = /^[A-Za-z_][A-Za-z0-9_]*(?:\.[A-Za-z_][A-Za-z0-9_]*|\[\d+\]|\[(?:"[^"\\]*"|'[^'\\]*')\])*$/;

/** `a.b[0]["c d"]` as its parts; null for anything that is more than a path. */
export function pathOf(text: string): (string | number)[] | null {
  const trimmed = text.trim();
  if (!PATH.test(trimmed)) return null;
  const parts: (string | number)[] = [];
  for (const match of trimmed.matchAll(/([A-Za-z_][A-Za-z0-9_]*)|\[(\d+)\]|\[(?:"([^"]*)"|'([^']*)')\]/g)) {
    if (match[1] !== undefined) parts.push(match[1]);
    else if (match[2] !== undefined) parts.push(Number(match[2]));
    else parts.push(match[3] ?? match[4] ?? "");
  }
  return parts;
}

export function valueAt(scope: Scope, path: readonly (string | number)[]): Json | undefined {
  const [root, ...rest] = path;
  if (root === "inputs") return follow(scope.inputs, rest);
  if (root === "output") return follow(scope.own, rest);
  if (root === "execution" && rest[0] === "id") return scope.execution;
  if (root === "feedback") return rest.length === 0 ? null : undefined;
  if (root === "nodes" && rest[1] === "output") return follow(scope.outputs.get(String(rest[0])), rest.slice(2));
  return undefined;
}

function shown(value: Json): string {
  return typeof value === "string" ? value : JSON.stringify(value);
}

export function preview(template: string, scope: Scope): Segment[] {
  const segments: Segment[] = [];
  let end = 0;
  for (const match of template.matchAll(PIECE)) {
    if (match.index > end) segments.push({ kind: "text", text: template.slice(end, match.index) });
    end = match.index + match[0].length;
    if (match[0].startsWith("{#")) continue;
    const path = match[1] === undefined ? null : pathOf(match[1]);
    if (path === null) {
      segments.push({ kind: "computed", text: match[0] });
      continue;
    }
    const value = valueAt(scope, path);
    if (value === undefined) segments.push({ kind: "missing", text: match[0] });
    else segments.push({ kind: "value", text: shown(value), source: match[1]?.trim() ?? "" });
  }
  if (end < template.length) segments.push({ kind: "text", text: template.slice(end) });
  return segments;
}

const REFERENCE = /\b(?:inputs|nodes|output|execution)(?:\.[A-Za-z_][A-Za-z0-9_]*|\[\d+\]|\["[^"\\]*"\])+/g;

/** Every value that a condition looks at, with what it was in the last run. */
export function valuesIn(condition: string, scope: Scope): { path: string; value: Json | undefined }[] {
  const found = new Map<string, Json | undefined>();
  for (const [text] of condition.matchAll(REFERENCE)) {
    const whole = pathOf(text);
    if (whole === null) continue;
    // `nodes.a.output.text.contains` is a call on the value before the last dot
    const value = valueAt(scope, whole);
    if (value !== undefined) found.set(text, value);
    else {
      const shorter = text.replace(/\.[A-Za-z_][A-Za-z0-9_]*$/, "");
      const path = pathOf(shorter);
      found.set(shorter, path === null ? undefined : valueAt(scope, path));
    }
  }
  return [...found].map(([path, value]) => ({ path, value }));
}
