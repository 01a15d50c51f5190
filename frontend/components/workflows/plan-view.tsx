// The server's plan: groups of nodes that can run side by side, and the longest chain.
"use client";
import { ChevronRight } from "lucide-react";
import { Card } from "@/components/ui/card";
import { cx } from "@/components/ui/cx";
import { Shorten } from "@/components/ui/shorten";
import { Skeleton } from "@/components/ui/skeleton";
import { ErrorNote } from "@/components/ui/states";
import { usePlan } from "@/hooks/queries";
import type { Workflow } from "@/lib/api/types";
import { plural } from "@/lib/format/text";
import { nameOf, nodeMap } from "@/lib/nodes";
import { NodeIcon } from "./node-icon";

export function PlanView({ workflow }: { workflow: Workflow }) {
  const { data, isPending, isError, error, refetch } = usePlan(workflow.id, workflow.version);
  const nodes = nodeMap(workflow);
  const critical = new Set(data?.critical_path ?? []);
  return (
    <Card
      title="Plan"
      note={data && `${plural(data.node_count, "step")}, at most ${data.max_parallelism} at the same time`}
    >
      {isPending ? (
        <div className="flex gap-3">
          <Skeleton className="h-16 w-36" />
          <Skeleton className="h-16 w-36" />
        </div>
      ) : isError ? (
        <ErrorNote error={error} onRetry={() => refetch()} />
      ) : (
        <>
          <ol className="flex flex-wrap items-stretch gap-y-2">
            {data.groups.map((group, index) => (
              <li key={group.join(" ")} className="flex min-w-0 items-stretch">
                {index > 0 && <ChevronRight aria-hidden size={16} className="mx-1 shrink-0 self-center text-mute" />}
                <ul className="flex min-w-0 flex-col justify-center gap-1.5">
                  {group.map((id) => (
                    <li
                      key={id}
                      className={cx(
                        "flex max-w-52 items-center gap-2 rounded-md border bg-sunken px-2.5 py-1.5",
                        critical.has(id) ? "border-accent" : "border-line-strong",
                      )}
                    >
                      <NodeIcon type={nodes.get(id)?.type ?? null} size={14} />
                      <span className="truncate">
                        <Shorten text={nameOf(nodes.get(id), id)} most={80} />
                      </span>
                      {critical.has(id) && <span className="sr-only">(on the longest chain)</span>}
                    </li>
                  ))}
                </ul>
              </li>
            ))}
          </ol>
          {critical.size > 1 && (
            <p className="mt-3 text-xs text-mute">
              Outlined: the longest chain, {plural(critical.size, "step")}. A node starts the moment its own inputs are
              there; the columns are only for reading.
            </p>
          )}
        </>
      )}
    </Card>
  );
}
