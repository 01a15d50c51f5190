// A run on the canvas: follows it, hands its state to the nodes, and says in one line how it goes and what it costs.
"use client";
import { ExternalLink, X } from "lucide-react";
import { useEffect, useMemo } from "react";
import { Announcer } from "@/components/run/announcer";
import { CancelButton } from "@/components/run/cancel-button";
import { SpendBar } from "@/components/run/spend-bar";
import { Button, LinkButton } from "@/components/ui/button";
import { ExecutionBadge } from "@/components/ui/status";
import { useFollower } from "@/hooks/use-follower";
import { useNow } from "@/hooks/use-now";
import { describeError } from "@/lib/api/errors";
import { formatUsd } from "@/lib/format/money";
import { formatCount, totalTokens } from "@/lib/format/text";
import { elapsedMs, formatDuration } from "@/lib/format/time";
import { nodeMap } from "@/lib/nodes";
import { routes } from "@/lib/routes";
import { progressOf, type RunState, totalsOf } from "@/lib/run/state";
import { isTerminal } from "@/lib/status";
import { useEditor, useSession } from "./context";

export function RunWatch({ execution, onState }: { execution: string; onState: (state: RunState | null) => void }) {
  const session = useSession();
  const { follower, state } = useFollower(execution);
  const { run, phase, error, connection } = state;

  useEffect(() => onState(phase === "ready" ? run : null), [run, phase, onState]);
  useEffect(() => () => onState(null), [onState]);

  const document = useEditor((one) => one.document);
  const nodes = useMemo(() => nodeMap(document), [document]);
  const { usd, tokens } = totalsOf(run);
  const { settled, total } = progressOf(run);
  return (
    <section
      aria-label="Run on the canvas"
      data-run={execution}
      className="nums flex min-h-11 shrink-0 items-center gap-4 border-b bg-sunken px-4 text-xs whitespace-nowrap"
    >
      {phase === "failed" ? (
        <p className="min-w-0 flex-1 truncate text-danger">{describeError(error).message}</p>
      ) : run.status === null ? (
        <p className="text-mute">Loading the run…</p>
      ) : (
        <>
          <ExecutionBadge status={run.status} />
          <Elapsed run={run} />
          <span className="text-ink-2">
            {settled} / {total} nodes
          </span>
          <span className="flex items-center gap-2">
            <strong className="font-semibold">{formatUsd(usd)}</strong>
            <span className="text-mute">{run.limitUsd === null ? "no cap" : `of ${formatUsd(run.limitUsd)}`}</span>
            {run.limitUsd !== null && (
              <span className="w-28 max-xl:w-16">
                <SpendBar run={run} usd={usd} live={!isTerminal(run.status)} />
              </span>
            )}
          </span>
          {totalTokens(tokens) > 0 && (
            <span className="text-ink-2 max-xl:hidden">{formatCount(totalTokens(tokens))} tokens</span>
          )}
          {connection.state === "waiting" && <span className="text-amber-900 dark:text-amber-300">Reconnecting…</span>}
          {run.error && <span className="min-w-0 flex-1 truncate text-danger">{run.error.message}</span>}
        </>
      )}
      <span className="ml-auto flex items-center gap-1.5">
        {run.status !== null && !isTerminal(run.status) && (
          <CancelButton execution={execution} onChanged={() => follower.wake()} />
        )}
        {run.workflowId !== null && (
          <LinkButton
            size="sm"
            variant="ghost"
            prefetch={false}
            href={routes.run(run.workflowId, execution)}
            icon={<ExternalLink aria-hidden size={13} />}
          >
            Open run
          </LinkButton>
        )}
        <Button
          size="icon"
          variant="ghost"
          aria-label="Take the run off the canvas"
          onClick={() => session.run.set(null)}
        >
          <X aria-hidden size={15} />
        </Button>
      </span>
      <Announcer run={run} nodes={nodes} />
    </section>
  );
}

function Elapsed({ run }: { run: RunState }) {
  return <span className="text-ink-2">{formatDuration(elapsedMs(run.startedAt, run.finishedAt, useNow()))}</span>;
}
