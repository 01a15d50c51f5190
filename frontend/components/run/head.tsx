// The head of a run: state, time, money against the cap, tokens, progress; cancel, resume, run again.
"use client";
import Link from "next/link";
import { PageHead } from "@/components/ui/card";
import { CopyButton } from "@/components/ui/copy";
import { cx } from "@/components/ui/cx";
import { Prose } from "@/components/ui/prose";
import { ExecutionBadge } from "@/components/ui/status";
import { useNow } from "@/hooks/use-now";
import type { ExecutionStatus, Workflow } from "@/lib/api/types";
import { formatUsd } from "@/lib/format/money";
import { formatCount, shortId, totalTokens } from "@/lib/format/text";
import { elapsedMs, formatDuration, formatMoment } from "@/lib/format/time";
import { routes } from "@/lib/routes";
import { progressOf, type RunState, totalsOf } from "@/lib/run/state";
import { Actions } from "./actions";
import { SpendBar } from "./spend-bar";

export interface RunHeadProps {
  execution: string;
  run: RunState;
  status: ExecutionStatus;
  name: string | null;
  document: Workflow | undefined;
  onChanged: () => void;
  onResumed: () => void;
}

export function RunHead(props: RunHeadProps) {
  const { execution, run, status, name } = props;
  const workflow = run.workflowId;
  return (
    <>
      <PageHead
        above={
          workflow === null ? (
            "Runs"
          ) : (
            <>
              <Link href={routes.workflow(workflow)} prefetch={false} className="underline-offset-2 hover:underline">
                {name ?? "Workflow"}
              </Link>
              {" / "}
              <Link
                href={routes.workflowExecutions(workflow)}
                prefetch={false}
                className="underline-offset-2 hover:underline"
              >
                Runs
              </Link>
            </>
          )
        }
        title={
          <span className="flex flex-wrap items-center gap-x-3 gap-y-1">
            {name ?? "Run"}
            <ExecutionBadge status={status} />
          </span>
        }
        below={
          <span className="nums flex flex-wrap items-center gap-x-2 text-xs">
            <span className="inline-flex items-center">
              <code className="font-mono" title={execution}>
                {shortId(execution)}
              </code>
              <CopyButton text={execution} label="Copy the run's id" />
            </span>
            <span>started {formatMoment(run.startedAt ?? run.createdAt)}</span>
            {run.workflowVersion !== null && <span>· version {run.workflowVersion}</span>}
          </span>
        }
        actions={<Actions {...props} />}
      />
      <Strip run={run} status={status} />
      {run.error && (
        <div
          className={cx(
            "mb-4 rounded-lg border px-4 py-3",
            status === "budget_exceeded"
              ? "border-fuchsia-200 bg-fuchsia-50 dark:border-fuchsia-500/30 dark:bg-fuchsia-500/10"
              : "border-red-200 bg-red-50 dark:border-red-500/30 dark:bg-red-500/10",
          )}
        >
          <p className="wrap-anywhere">
            <Prose text={run.error.message} />
          </p>
          <p className="mt-0.5 text-xs text-ink-2">
            <code className="font-mono">{run.error.code}</code>
            {run.error.node_id && (
              <>
                {" "}
                at <code className="font-mono">{run.error.node_id}</code>
              </>
            )}
            <span className="nums"> · cost so far {formatUsd(totalsOf(run).usd)}</span>
          </p>
        </div>
      )}
    </>
  );
}

function Strip({ run, status }: { run: RunState; status: ExecutionStatus }) {
  const now = useNow();
  const { settled, total } = progressOf(run);
  const { usd, tokens } = totalsOf(run);
  const live = status === "running" || status === "queued";
  return (
    <dl className="mb-4 grid grid-cols-3 overflow-hidden rounded-lg border bg-surface shadow-card md:grid-cols-[1fr_1.6fr_1fr_1fr] md:divide-x">
      <Figure label="Elapsed">{formatDuration(elapsedMs(run.startedAt, run.finishedAt, now))}</Figure>
      <Cost run={run} usd={usd} live={live} />
      <Figure label="Tokens" small={`${formatCount(tokens.prompt)} in · ${formatCount(tokens.completion)} out`}>
        {formatCount(totalTokens(tokens))}
      </Figure>
      <Figure label="Nodes" small="settled">
        {settled} <span className="text-mute">/ {total}</span>
      </Figure>
    </dl>
  );
}

function Figure({ label, small, children }: { label: string; small?: string; children: React.ReactNode }) {
  return (
    <div className="px-4 py-3">
      <dt className="text-xs text-mute">{label}</dt>
      <dd className="nums mt-0.5 text-base font-semibold">
        {children}
        {small && (
          <span className="ml-2 hidden text-xs font-normal whitespace-nowrap text-mute md:inline">{small}</span>
        )}
      </dd>
    </div>
  );
}

function Cost({ run, usd, live }: { run: RunState; usd: number; live: boolean }) {
  return (
    <div className="order-first col-span-3 border-b px-4 py-3 md:order-none md:col-span-1 md:border-b-0">
      <dt className="text-xs text-mute">Cost</dt>
      <dd className="nums mt-0.5 text-base font-semibold">
        {formatUsd(usd)}
        <span className="ml-1 text-xs font-normal whitespace-nowrap text-mute">
          {run.limitUsd === null ? "no cap" : `of ${formatUsd(run.limitUsd)}`}
          {live && run.reservedUsd > 0 && ` · ${formatUsd(run.reservedUsd)} held`}
        </span>
        <span className="mt-1.5 block">
          <SpendBar run={run} usd={usd} live={live} />
        </span>
      </dd>
    </div>
  );
}
