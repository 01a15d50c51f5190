// The three figures on top of the overview.
"use client";
import type { UseQueryResult } from "@tanstack/react-query";
import Link from "next/link";
import type { ReactNode } from "react";
import { Skeleton } from "@/components/ui/skeleton";
import { useLatestExecutions } from "@/hooks/queries";
import { useNow } from "@/hooks/use-now";
import type { ExecutionSummary, Page } from "@/lib/api/types";
import { type Count, countAll, countRecent, spendToday } from "@/lib/dashboard";
import { formatUsd } from "@/lib/format/money";
import { plural } from "@/lib/format/text";
import { routes } from "@/lib/routes";

const LIMIT = 100;
const shown = (count: Count) => `${count.value}${count.more ? "+" : ""}`;

export function Figures({ latest }: { latest: UseQueryResult<Page<ExecutionSummary>> }) {
  const now = useNow();
  const running = useLatestExecutions({ status: "running", limit: LIMIT });
  const queued = useLatestExecutions({ status: "queued", limit: LIMIT });
  const failed = useLatestExecutions({ status: "failed", limit: LIMIT });
  const spend = latest.data ? spendToday(latest.data, now) : null;
  const waiting = queued.data ? countAll(queued.data) : null;
  return (
    <div className="grid grid-cols-2 gap-3 md:grid-cols-3 md:gap-4">
      <Figure
        label="Running now"
        href={`${routes.executions()}?status=running`}
        value={running.data && shown(countAll(running.data))}
        failed={running.isError}
        note={waiting === null || waiting.value === 0 ? "none waiting" : `${shown(waiting)} waiting`}
      />
      <Figure
        label="Failed in 24 hours"
        href={`${routes.executions()}?status=failed`}
        value={failed.data && shown(countRecent(failed.data, now))}
        failed={failed.isError}
        note="without those stopped by budget"
      />
      <Figure
        label="Spend today"
        wide
        href={routes.executions()}
        value={spend ? formatUsd(spend.usd) : undefined}
        failed={latest.isError}
        note={
          spend === null
            ? ""
            : spend.partial
              ? `of the latest ${plural(spend.runs, "run")}; there are more`
              : `${plural(spend.runs, "run")} started today`
        }
      />
    </div>
  );
}

interface FigureProps {
  label: string;
  href: string;
  value: ReactNode | undefined;
  failed: boolean;
  note: string;
  wide?: boolean;
}

function Figure({ label, href, value, failed, note, wide = false }: FigureProps) {
  return (
    <div
      className={`relative rounded-lg border bg-surface px-4 py-3 shadow-card transition-colors hover:border-line-strong ${wide ? "col-span-2 md:col-span-1" : ""}`}
    >
      <h2 className="text-xs font-medium text-mute">
        <Link href={href} prefetch={false} className="after:absolute after:inset-0 after:rounded-lg">
          {label}
        </Link>
      </h2>
      <div className="nums mt-1 text-xl font-semibold tracking-tight">
        {value !== undefined ? value : failed ? "–" : <Skeleton className="my-1 h-6 w-16" />}
      </div>
      <p className="nums mt-0.5 text-xs text-mute">{failed && value === undefined ? "not available" : note}</p>
    </div>
  );
}
