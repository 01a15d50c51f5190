// What is spent, and what is held for calls under way, against the cap.
"use client";
import { spentShare } from "@/lib/format/money";
import type { RunState } from "@/lib/run/state";

export function SpendBar({ run, usd, live }: { run: RunState; usd: number; live: boolean }) {
  const spent = spentShare(usd, run.limitUsd);
  const held = spentShare(usd + run.reservedUsd, run.limitUsd);
  if (spent === null || held === null) return null;
  const hot = run.budgetWarned || spent >= 0.8;
  return (
    <svg
      role="img"
      aria-label={`${Math.round(spent * 100)} % of the cap is spent`}
      viewBox="0 0 100 4"
      preserveAspectRatio="none"
      className="block h-1.5 w-full rounded-full"
    >
      <rect width="100" height="4" className="fill-line-strong" />
      {live && <rect width={held * 100} height="4" className="fill-slate-400 dark:fill-slate-500" />}
      <rect width={spent * 100} height="4" className={hot ? "fill-fuchsia-600 dark:fill-fuchsia-400" : "fill-accent"} />
    </svg>
  );
}
