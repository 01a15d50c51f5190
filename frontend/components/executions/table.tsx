// Runs as a table: wide screens show every column, narrow ones fold the small print under the name.
"use client";
import Link from "next/link";
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
  /** Leaves out the name and the less important columns. */
  compact?: boolean;
  showName?: boolean;
}

export function ExecutionTable({ items, label, compact = false, showName = true }: ExecutionTableProps) {
  const now = useNow();
  const wide = compact ? "hidden" : "hidden md:table-cell";
  return (
    <table className="w-full text-left">
      <caption className="sr-only">{label}</caption>
      <thead className="text-xs text-mute">
        <tr className="border-b">
          <th scope="col" className="py-2 pr-3 pl-4 font-medium">
            Status
          </th>
          <th scope="col" className="px-3 py-2 font-medium">
            {showName ? "Workflow" : "Run"}
          </th>
          <th scope="col" className={`px-3 py-2 font-medium hidden sm:table-cell`}>
            Started
          </th>
          <th scope="col" className={`px-3 py-2 text-right font-medium ${wide}`}>
            Duration
          </th>
          <th scope="col" className={`px-3 py-2 text-right font-medium ${wide}`}>
            Tokens
          </th>
          <th scope="col" className="py-2 pr-4 pl-3 text-right font-medium">
            Cost
          </th>
        </tr>
      </thead>
      <tbody className="divide-y">
        {items.map((item) => (
          <Row key={item.id} item={item} now={now} wide={wide} showName={showName} />
        ))}
      </tbody>
    </table>
  );
}

interface RowProps {
  item: ExecutionSummary;
  now: number;
  wide: string;
  showName: boolean;
}

function Row({ item, now, wide, showName }: RowProps) {
  const duration = formatDuration(elapsedMs(item.started_at, item.finished_at, now));
  const name = showName ? (item.workflow_name ?? shortId(item.workflow_id)) : shortId(item.id);
  return (
    <tr className="relative transition-colors hover:bg-sunken">
      <td className="py-2.5 pr-3 pl-4 align-top">
        <ExecutionBadge status={item.status} />
      </td>
      <td className="w-full max-w-0 px-3 py-2.5 align-top">
        <Link
          href={routes.run(item.workflow_id, item.id)}
          prefetch={false}
          className="block truncate font-medium after:absolute after:inset-0"
        >
          {name}
        </Link>
        <span className="block truncate text-xs text-mute">
          {item.error ? (
            <span className="text-danger">{item.error.message}</span>
          ) : (
            <>
              {showName && <code className="mr-2 font-mono">{shortId(item.id)}</code>}
              <span className="nums">
                <span className="sm:hidden">{formatAgo(item.created_at, now)} · </span>v{item.workflow_version}
              </span>
            </>
          )}
        </span>
      </td>
      <td className="nums hidden px-3 py-2.5 align-top whitespace-nowrap text-ink-2 sm:table-cell">
        <time dateTime={item.created_at} title={formatMoment(item.created_at)}>
          {formatAgo(item.created_at, now)}
        </time>
      </td>
      <td className={`nums px-3 py-2.5 text-right align-top whitespace-nowrap text-ink-2 ${wide}`}>{duration}</td>
      <td className={`nums px-3 py-2.5 text-right align-top whitespace-nowrap text-ink-2 ${wide}`}>
        {formatCount(totalTokens(item.tokens))}
      </td>
      <td className="nums py-2.5 pr-4 pl-3 text-right align-top whitespace-nowrap">
        {formatUsd(item.budget.spent_usd)}
        {item.budget.limit_usd !== null && (
          <span className="hidden text-mute lg:inline"> / {formatUsd(item.budget.limit_usd)}</span>
        )}
      </td>
    </tr>
  );
}
