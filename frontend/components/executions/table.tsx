// Runs as a table: wide screens show every column on one line, narrow ones fold the small print under the name.
"use client";
import Link from "next/link";
import { cx } from "@/components/ui/cx";
import { shorten } from "@/components/ui/shorten";
import { ExecutionBadge } from "@/components/ui/status";
import { useNow } from "@/hooks/use-now";
import type { ExecutionSummary } from "@/lib/api/types";
import { formatUsd } from "@/lib/format/money";
import { formatCount, shortId, totalTokens } from "@/lib/format/text";
import { elapsedMs, formatAgo, formatDuration, formatMoment } from "@/lib/format/time";
import { routes } from "@/lib/routes";

export interface ExecutionTableProps {
  items: ExecutionSummary[];
  label: string;
  /** For narrow places: leaves out the less important columns. */
  compact?: boolean;
  showName?: boolean;
  pick?: Picks;
}

/** At most two runs, to be compared. */
export interface Picks {
  chosen: readonly string[];
  onPick: (id: string, on: boolean) => void;
}

export function ExecutionTable({ items, label, compact = false, showName = true, pick }: ExecutionTableProps) {
  const now = useNow();
  const wide = compact ? "hidden" : "hidden md:table-cell";
  const widest = compact ? "hidden" : "hidden lg:table-cell";
  const head = "py-2 font-medium whitespace-nowrap";
  return (
    <table className="w-full text-left">
      <caption className="sr-only">{label}</caption>
      <thead className="text-xs text-mute">
        <tr className="border-b">
          {pick && (
            <th scope="col" className="w-8 py-2 pl-4">
              <span className="sr-only">Compare</span>
            </th>
          )}
          <th scope="col" className={cx(head, "hidden pr-3 pl-4 sm:table-cell")}>
            Status
          </th>
          <th scope="col" className={cx(head, "px-4 sm:px-3")}>
            {showName ? "Workflow" : "Run"}
          </th>
          <th scope="col" className={cx(head, "hidden px-3 sm:table-cell")}>
            Started
          </th>
          <th scope="col" className={cx(head, "px-3 text-right", wide)}>
            Duration
          </th>
          <th scope="col" className={cx(head, "px-3 text-right", wide)}>
            Tokens
          </th>
          <th scope="col" className={cx(head, "pr-4 pl-3 text-right")}>
            Cost
          </th>
          <th scope="col" className={cx(head, "pr-4 pl-1 text-right", widest)}>
            Cap
          </th>
        </tr>
      </thead>
      <tbody className="divide-y">
        {items.map((item) => (
          <Row
            key={item.id}
            item={item}
            now={now}
            wide={wide}
            widest={widest}
            compact={compact}
            showName={showName}
            {...(pick ? { pick } : {})}
          />
        ))}
      </tbody>
    </table>
  );
}

interface RowProps {
  item: ExecutionSummary;
  now: number;
  wide: string;
  widest: string;
  compact: boolean;
  showName: boolean;
  pick?: Picks;
}

function Row({ item, now, wide, widest, compact, showName, pick }: RowProps) {
  const cell = "nums py-2 align-top leading-6 whitespace-nowrap";
  const name = showName ? (item.workflow_name ?? shortId(item.workflow_id)) : shortId(item.id);
  return (
    <tr className="relative transition-colors hover:bg-sunken">
      {pick && (
        <td className="relative z-10 py-2 pl-4 align-top">
          <input
            type="checkbox"
            aria-label={`Compare the run ${shortId(item.id)}${item.workflow_name ? ` of ${shorten(item.workflow_name, 60)}` : ""}`}
            className="mt-1 size-4 accent-(--accent)"
            checked={pick.chosen.includes(item.id)}
            onChange={(event) => pick.onPick(item.id, event.target.checked)}
          />
        </td>
      )}
      <td className="hidden py-2 pr-3 pl-4 align-top sm:table-cell">
        <ExecutionBadge status={item.status} />
      </td>
      <td className="w-full max-w-0 px-4 py-2 align-top sm:px-3">
        <span className={cx("block min-w-0 leading-6", !compact && "md:flex md:items-baseline md:gap-3")}>
          <Link
            href={routes.run(item.workflow_id, item.id)}
            prefetch={false}
            className={cx(
              "block truncate font-medium after:absolute after:inset-0",
              !showName && "font-mono text-xs leading-6",
            )}
          >
            {name}
          </Link>
          <span className="nums block truncate text-xs leading-4 text-mute">
            {showName && <code className="mr-2 font-mono">{shortId(item.id)}</code>}
            <span className="sm:hidden">{formatAgo(item.created_at, now)} · </span>v{item.workflow_version}
          </span>
        </span>
        <span className="my-1 block sm:hidden">
          <ExecutionBadge status={item.status} />
        </span>
        {item.error && <span className="block truncate text-xs text-danger">{item.error.message}</span>}
      </td>
      <td className={cx(cell, "hidden px-3 text-ink-2 sm:table-cell")}>
        <time dateTime={item.created_at} title={formatMoment(item.created_at)}>
          {formatAgo(item.created_at, now)}
        </time>
      </td>
      <td className={cx(cell, "px-3 text-right text-ink-2", wide)}>
        {formatDuration(elapsedMs(item.started_at, item.finished_at, now))}
      </td>
      <td className={cx(cell, "px-3 text-right text-ink-2", wide)}>{formatCount(totalTokens(item.tokens))}</td>
      <td className={cx(cell, "pr-4 pl-3 text-right")}>{formatUsd(item.budget.spent_usd)}</td>
      <td className={cx(cell, "pr-4 pl-1 text-right text-mute", widest)}>
        {item.budget.limit_usd === null ? "none" : formatUsd(item.budget.limit_usd)}
      </td>
    </tr>
  );
}
