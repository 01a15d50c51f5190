// What can be put on the canvas: kinds of nodes with what they start as. Not here: their fields (fields).
import type { JsonObject, NodeType } from "../api/types";

export interface Kind {
  key: string;
  type: NodeType;
  label: string;
  /** One line: what it does. */
  does: string;
  /** The base of new ids. */
  id: string;
  config: JsonObject;
  group: "Think" | "Do" | "Decide";
  /** Further words that a search finds it by. */
  words: string;
}

export const KINDS: readonly Kind[] = [
  {
    key: "agent",
    type: "agent",
    label: "Agent",
    does: "Asks a model, with tools if it has some",
    id: "agent",
    config: { model: "demo/small", prompt: "" },
    group: "Think",
    words: "llm model prompt ai chat",
  },
  {
    key: "http_request",
    type: "tool",
    label: "HTTP request",
    does: "Calls an address and reads the answer",
    id: "http_request",
    config: { tool: "http_request", method: "GET", url: "" },
    group: "Do",
    words: "api rest fetch webhook url",
  },
  {
    key: "python",
    type: "tool",
    label: "Python",
    does: "Runs a function in the sandbox",
    id: "python",
    config: { tool: "python", code: "def run(inputs):\n    return inputs\n", inputs: {} },
    group: "Do",
    words: "code script function",
  },
  {
    key: "template",
    type: "tool",
    label: "Template",
    does: "Puts a text together, free of cost",
    id: "text",
    config: { tool: "template", template: "" },
    group: "Do",
    words: "text jinja format",
  },
  {
    key: "memory_recall",
    type: "tool",
    label: "Recall",
    does: "Looks up what was stored in memory",
    id: "recall",
    config: { tool: "memory_recall", query: "", top_k: 5 },
    group: "Do",
    words: "memory search vector rag",
  },
  {
    key: "memory_store",
    type: "tool",
    label: "Store",
    does: "Keeps a text in memory",
    id: "store",
    config: { tool: "memory_store", text: "" },
    group: "Do",
    words: "memory save vector remember",
  },
  {
    key: "scraper",
    type: "tool",
    label: "Scraper",
    does: "Reads data from a site with a scraper you made",
    id: "scrape",
    config: { tool: "scraper", job_id: "" },
    group: "Do",
    words: "web site crawl data",
  },
  {
    key: "conditional",
    type: "conditional",
    label: "Conditional",
    does: "Goes one way or another",
    id: "choice",
    config: { cases: [{ handle: "yes", when: "" }], else: "no" },
    group: "Decide",
    words: "if branch switch route case",
  },
];

export function kindOf(type: NodeType, config: JsonObject): Kind | undefined {
  return KINDS.find((kind) => (kind.type === "tool" ? kind.key === config.tool : kind.key === type));
}

/** What a node is called by its kind: `Agent`, `HTTP request`. */
export function kindLabel(type: NodeType, config: JsonObject): string {
  return kindOf(type, config)?.label ?? (type === "tool" ? "Tool" : type === "agent" ? "Agent" : "Conditional");
}

/** Kinds that fit what was typed, best first. */
export function searchKinds(text: string, among: readonly Kind[] = KINDS): Kind[] {
  const wanted = text.trim().toLowerCase();
  if (wanted === "") return [...among];
  const scored = among.flatMap((kind) => {
    const label = kind.label.toLowerCase();
    if (label.startsWith(wanted)) return [{ kind, score: 0 }];
    if (label.includes(wanted)) return [{ kind, score: 1 }];
    if (`${kind.words} ${kind.key}`.split(" ").some((word) => word.startsWith(wanted))) return [{ kind, score: 2 }];
    return kind.does.toLowerCase().includes(wanted) ? [{ kind, score: 3 }] : [];
  });
  return scored.sort((a, b) => a.score - b.score).map((entry) => entry.kind);
}
