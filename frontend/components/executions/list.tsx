// A list of runs, page by page, in all its states: loading, empty, failed, out of date, full.
"use client";
import { Activity } from "lucide-react";
import type { ReactNode } from "react";
import { Button } from "@/components/ui/button";
import { SkeletonRows } from "@/components/ui/skeleton";
import { EmptyState, ErrorNote, ErrorState } from "@/components/ui/states";
import { useExecutions } from "@/hooks/queries";
import { ExecutionTable, type Picks } from "./table";

export interface ExecutionListProps {
  workflow: string | null;
  status: string | null;
  label: string;
  limit?: number;
  compact?: boolean;
  /** Ends after the first page, with this under it. */
  footer?: ReactNode;
  empty: { title: string; text: string };
  /** Lets runs be picked, to be compared. */
  pick?: Picks;
}

export function ExecutionList({
  workflow,
  status,
  label,
  limit,
  compact = false,
  footer,
  empty,
  pick,
}: ExecutionListProps) {
  const query = useExecutions(workflow, status, limit);
  const items = query.data?.pages.flatMap((page) => page.items) ?? [];
  if (query.isPending) return <SkeletonRows rows={compact ? 4 : 8} />;
  if (query.isError && items.length === 0) {
    return <ErrorState error={query.error} onRetry={() => query.refetch()} />;
  }
  if (items.length === 0) {
    return (
      <EmptyState icon={<Activity aria-hidden size={18} />} title={empty.title}>
        {empty.text}
      </EmptyState>
    );
  }
  return (
    <>
      {query.isError && (
        <div className="p-3">
          <ErrorNote error={query.error} onRetry={() => query.refetch()} />
        </div>
      )}
      <ExecutionTable
        items={items}
        label={label}
        compact={compact}
        showName={workflow === null}
        {...(pick ? { pick } : {})}
      />
      {footer === undefined
        ? query.hasNextPage && (
            <div className="border-t p-3 text-center">
              <Button size="sm" disabled={query.isFetchingNextPage} onClick={() => query.fetchNextPage()}>
                {query.isFetchingNextPage ? "Loading…" : "Show older runs"}
              </Button>
            </div>
          )
        : footer}
    </>
  );
}
