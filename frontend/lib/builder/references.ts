// References to nodes inside templates and conditions: `nodes.draft.output`, `nodes["draft"]`. Found as text, because the
// languages themselves are the server's. Not here: completing them (complete).
import type { Json, JsonObject, WorkflowNode } from "../api/types";

const escaped = (text: string) => text.replace(/[.*+?^${}()|[\]\\]/g, "\\$&");

function inText(text: string, from: string, to: string): string {
  if (!text.includes(from)) return text;
  return text
    .replace(new RegExp(`\\bnodes\\.${escaped(from)}(?![A-Za-z0-9_])`, "g"), `nodes.${to}`)
    .replace(new RegExp(`\\bnodes\\[(["'])${escaped(from)}\\1\\]`, "g"), `nodes["${to}"]`);
}

function inValue(value: Json, from: string, to: string): Json {
  if (typeof value === "string") return inText(value, from, to);
  if (Array.isArray(value)) {
    const next = value.map((entry) => inValue(entry, from, to));
    return next.some((entry, index) => entry !== value[index]) ? next : value;
  }
  if (typeof value === "object" && value !== null) {
    let next: JsonObject | null = null;
    for (const [name, member] of Object.entries(value)) {
      const changed = inValue(member, from, to);
      if (changed === member) continue;
      next ??= { ...value };
      next[name] = changed;
    }
    return next ?? value;
  }
  return value;
}

/** The node with every reference to `from` made one to `to`; the same object if there is none. */
export function renameReference(node: WorkflowNode, from: string, to: string): WorkflowNode {
  const config = inValue(node.config, from, to) as JsonObject;
  let next = config === node.config ? node : { ...node, config };
  const back = node.policy?.backtrack;
  if (typeof back === "object" && back !== null && !Array.isArray(back) && back.to === from) {
    next = { ...next, policy: { ...node.policy, backtrack: { ...back, to } } };
  }
  return next;
}

const REFERENCE = /\bnodes(?:\.([A-Za-z_][A-Za-z0-9_]*)|\[["']([A-Za-z_][A-Za-z0-9_]*)["']\])/g;

/** The ids that a text refers to. */
export function referencesIn(text: string): string[] {
  return [...new Set([...text.matchAll(REFERENCE)].map((match) => match[1] ?? match[2] ?? ""))];
}
