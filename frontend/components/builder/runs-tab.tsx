// The workflow's latest runs: one click puts a run's states onto the canvas.
"use client";
import { Activity, Eye } from "lucide-react";
import Link from "next/link";
import { Button } from "@/components/ui/button";
import { SkeletonRows } from "@/components/ui/skeleton";
import { EmptyState, ErrorNote } from "@/components/ui/states";
import { ExecutionBadge } from "@/components/ui/status";
import { useExecutions } from "@/hooks/queries";
import { useNow } from "@/hooks/use-now";
import { useObservable } from "@/hooks/use-observable";
import { formatUsd } from "@/lib/format/money";
import { shortId } from "@/lib/format/text";
import { elapsedMs, formatAgo, formatDuration } from "@/lib/format/time";
import { routes } from "@/lib/routes";
import { useSession } from "./context";

export function RunsTab({ workflow }: { workflow: string | null }) {
  if (workflow === null) return <EmptyState title="No runs yet">Press Run, and watch it node by node.</EmptyState>;
  return <List workflow={workflow} />;
}

function List({ workflow }: { workflow: string }) {
  const session = useSession();
  const shown = useObservable(session.run);
  const now = useNow();
  const query = useExecutions(workflow, null, 20);
  const items = query.data?.pages.flatMap((page) => page.items) ?? [];
  if (query.isPending) return <SkeletonRows rows={3} />;
  if (query.isError && items.length === 0) {
    return (
      <div className="p-3">
        <ErrorNote error={query.error} onRetry={() => query.refetch()} />
      </div>
    );
  }
  if (items.length === 0) {
    return (
      <EmptyState icon={<Activity aria-hidden size={18} />} title="No runs yet">
        Press Run, and watch it node by node.
      </EmptyState>
    );
  }
  return (
    <>
      <ul aria-label="Runs of this workflow" className="divide-y">
        {items.map((item) => (
          <li key={item.id} className="nums flex items-center gap-3 px-3.5 py-1.5 hover:bg-sunken">
            <span className="w-40 shrink-0">
              <ExecutionBadge status={item.status} />
            </span>
            <Link
              href={routes.run(workflow, item.id)}
              prefetch={false}
              className="w-24 font-mono text-xs hover:underline"
            >
              {shortId(item.id)}
            </Link>
            <span className="w-24 text-ink-2">{formatAgo(item.created_at, now)}</span>
            <span className="w-16 text-right text-ink-2">
              {formatDuration(elapsedMs(item.started_at, item.finished_at, now))}
            </span>
            <span className="w-20 text-right">{formatUsd(item.budget.spent_usd)}</span>
            <span className="text-xs text-mute">v{item.workflow_version}</span>
            <Button
              size="sm"
              variant="ghost"
              className="ml-auto"
              aria-pressed={shown === item.id}
              icon={<Eye aria-hidden size={13} />}
              onClick={() => session.run.set(shown === item.id ? null : item.id)}
            >
              {shown === item.id ? "On the canvas" : "Show"}
            </Button>
          </li>
        ))}
      </ul>
      <p className="border-t p-2.5 text-center text-xs">
        <Link prefetch={false} href={routes.workflowExecutions(workflow)} className="text-accent hover:underline">
          All runs of this workflow
        </Link>
      </p>
    </>
  );
}
