// The three kinds of nodes, drawn.
import { Bot, Split, Wrench } from "lucide-react";
import type { NodeType } from "@/lib/api/types";

const WORDS: Record<NodeType, string> = { agent: "Agent", tool: "Tool", conditional: "Conditional" };

export function NodeIcon({ type, size = 15 }: { type: NodeType | null; size?: number }) {
  const Icon = type === "tool" ? Wrench : type === "conditional" ? Split : Bot;
  return (
    <span title={type === null ? undefined : WORDS[type]} className="inline-flex shrink-0 text-mute">
      <Icon aria-hidden size={size} />
      {type !== null && <span className="sr-only">{WORDS[type]}: </span>}
    </span>
  );
}
