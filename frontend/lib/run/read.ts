// Reading event data: fields that may be missing, under the names that servers use. Not here: what they mean for a run.
import type { Failure, JsonObject, Tokens } from "../api/types";

export function numberIn(data: JsonObject, ...names: string[]): number | null {
  for (const name of names) {
    const value = data[name];
    if (typeof value === "number") return value;
  }
  return null;
}

export function textIn(data: JsonObject, ...names: string[]): string | null {
  for (const name of names) {
    const value = data[name];
    if (typeof value === "string") return value;
  }
  return null;
}

export function tokensIn(data: JsonObject): Tokens | null {
  const value = data.tokens;
  if (typeof value !== "object" || value === null || Array.isArray(value)) return null;
  return { prompt: numberIn(value, "prompt") ?? 0, completion: numberIn(value, "completion") ?? 0 };
}

export function failureIn(data: JsonObject): Failure | null {
  const value = data.error;
  if (typeof value === "string") return { code: "error", message: value };
  if (typeof value !== "object" || value === null || Array.isArray(value)) return null;
  return {
    code: textIn(value, "code") ?? "error",
    message: textIn(value, "message") ?? "",
    node_id: textIn(value, "node_id"),
  };
}
