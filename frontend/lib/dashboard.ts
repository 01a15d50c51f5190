// The start page's figures, counted from lists that the server pages: whatever a list does not reach is said, not guessed.
import type { ExecutionSummary, Page } from "./api/types";
import { startOfToday } from "./format/time";

export interface Count {
  value: number;
  /** There are more than the list shows. */
  more: boolean;
}

export interface Spend {
  usd: number;
  runs: number;
  /** The list does not reach back to midnight: the sum is of the latest runs only. */
  partial: boolean;
}

const DAY_MS = 86_400_000;

export function countAll(page: Page<ExecutionSummary>): Count {
  return { value: page.items.length, more: Boolean(page.next_cursor) };
}

/** Runs that ended within the last 24 hours. */
export function countRecent(page: Page<ExecutionSummary>, now: number): Count {
  const since = now - DAY_MS;
  const recent = page.items.filter((item) => Date.parse(item.finished_at ?? item.created_at) >= since);
  return { value: recent.length, more: Boolean(page.next_cursor) && recent.length === page.items.length };
}

/** What the runs that were started today (in the reader's time zone) have cost so far. */
export function spendToday(page: Page<ExecutionSummary>, now: number): Spend {
  const midnight = startOfToday(now);
  const today = page.items.filter((item) => Date.parse(item.created_at) >= midnight);
  return {
    usd: today.reduce((sum, item) => sum + item.budget.spent_usd, 0),
    runs: today.length,
    partial: Boolean(page.next_cursor) && today.length === page.items.length,
  };
}

/** The runs that wait for a person, newest first. */
export function attention(pages: (Page<ExecutionSummary> | undefined)[], limit: number): ExecutionSummary[] {
  return pages
    .flatMap((page) => page?.items ?? [])
    .sort((a, b) => Date.parse(b.finished_at ?? b.created_at) - Date.parse(a.finished_at ?? a.created_at))
    .slice(0, limit);
}
