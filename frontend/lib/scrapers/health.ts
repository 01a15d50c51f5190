// How an endpoint is doing, in a word: from the server's own judgement, never computed here. And schedules in words.
import type { HealthStatus, ScraperRun } from "../api/scraper-types";
import type { StatusLook } from "../status";

const LOOKS: Record<HealthStatus, StatusLook> = {
  unknown: { word: "Not run yet", tone: "slate", shape: "hollow" },
  healthy: { word: "Healthy", tone: "green", shape: "check" },
  degraded: { word: "Degraded", tone: "amber", shape: "retry" },
  failing: { word: "Failing", tone: "red", shape: "octagon" },
};

export function healthLook(status: string): StatusLook {
  return LOOKS[status as HealthStatus] ?? { word: status.replaceAll("_", " "), tone: "slate", shape: "hollow" };
}

const EVENTS: Record<string, string> = {
  "scraper.changed": "records changed",
  "scraper.failing": "it fails",
  "scraper.recovered": "it works again",
};

export function eventWords(event: string): string {
  return EVENTS[event] ?? event.slice(0, 60);
}

/** What follows "by" in a list of runs. */
const TRIGGERS: Record<string, string> = {
  made: "its making",
  endpoint: "a call of the endpoint",
  test: "a test",
  schedule: "the schedule",
};

export function triggerWords(trigger: string): string {
  return TRIGGERS[trigger] ?? trigger.replaceAll("_", " ");
}

/** One line about a run: `24 records`, or why it failed. */
export function runWords(run: ScraperRun): string {
  if (!run.ok) return run.error?.message ?? run.note ?? "failed";
  const count = run.records ?? 0;
  return `${count.toLocaleString("en-US")} ${count === 1 ? "record" : "records"}${run.note ? ` · ${run.note}` : ""}`;
}

export const EVERY: readonly (readonly [value: string, label: string])[] = [
  ["15m", "every 15 minutes"],
  ["1h", "every hour"],
  ["6h", "every 6 hours"],
  ["1d", "every day"],
  ["7d", "every week"],
];

/** `every hour`, `every 90 minutes`: whatever was set, in words. */
export function everyWords(seconds: number): string {
  const units: [number, string][] = [
    [86_400, "day"],
    [3_600, "hour"],
    [60, "minute"],
    [1, "second"],
  ];
  const [size, word] = units.find(([one]) => seconds >= one && seconds % one === 0) ?? [1, "second"];
  const count = seconds / size;
  return count === 1 ? `every ${word}` : `every ${count.toLocaleString("en-US")} ${word}s`;
}

/** What is wrong with an address for messages; null if nothing is. Empty means none. */
export function checkWebhook(text: string): string | null {
  const typed = text.trim();
  if (typed === "") return null;
  try {
    const url = new URL(typed);
    if (url.protocol !== "http:" && url.protocol !== "https:") return "It begins with https:// or http://.";
    return url.username !== "" || url.password !== ""
      ? "Leave out user name and password; use a secret instead."
      : null;
  } catch {
    return "This is not a complete address. It begins with https://.";
  }
}
