// Events in words, for the log and for announcements.
import type { EventType, JsonObject, StoredEvent } from "../api/types";
import { formatUsd } from "../format/money";
import { formatDuration } from "../format/time";
import { executionLook, isExecutionStatus } from "../status";
import { failureIn, textIn } from "./read";

const WORDS: Record<EventType, string> = {
  execution_started: "Run started",
  agent_started: "started",
  agent_retrying: "retrying",
  agent_backtracked: "sent back",
  agent_completed: "succeeded",
  agent_failed: "failed",
  agent_skipped: "skipped",
  budget_warning: "Budget warning",
  budget_exceeded: "Budget used up",
  execution_completed: "Run ended",
};

function errorText(data: JsonObject): string | null {
  return failureIn(data)?.message ?? textIn(data, "reason");
}

export interface Description {
  /** What happened, without the node's name. */
  text: string;
  /** Figures or the reason, if any. */
  detail: string | null;
}

export function describeEvent(event: StoredEvent): Description {
  const { data } = event;
  const word = WORDS[event.type] ?? event.type;
  switch (event.type) {
    case "execution_started":
      return { text: event.seq > 1 ? "Run resumed" : word, detail: null };
    case "execution_completed": {
      const status = data.status;
      return {
        text:
          typeof status === "string" && isExecutionStatus(status)
            ? `Run ended: ${executionLook(status).word.toLowerCase()}`
            : word,
        detail: errorText(data),
      };
    }
    case "agent_completed": {
      const parts = [
        typeof data.cost_usd === "number" && data.cost_usd > 0 ? formatUsd(data.cost_usd) : null,
        typeof data.latency_ms === "number" ? formatDuration(data.latency_ms) : null,
      ].filter((part) => part !== null);
      return { text: word, detail: parts.length > 0 ? parts.join(" · ") : null };
    }
    case "budget_exceeded":
      return { text: event.agent_id === null ? word : "used up the budget", detail: errorText(data) };
    default:
      return { text: word, detail: errorText(data) };
  }
}
