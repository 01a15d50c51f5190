// The last line of a node: its estimate while drawing, its state and figures in a run; and what it is writing right now.
"use client";
import { CornerDownLeft, RefreshCw, Undo2, Wrench } from "lucide-react";
import { StatusMark } from "@/components/ui/status";
import { useKeyed } from "@/hooks/use-keyed";
import { useNow } from "@/hooks/use-now";
import type { WorkflowNode } from "@/lib/api/types";
import { getAt } from "@/lib/builder/ops";
import { formatUsd } from "@/lib/format/money";
import { formatCount, totalTokens } from "@/lib/format/text";
import { elapsedMs, formatDuration } from "@/lib/format/time";
import type { NodeRun } from "@/lib/run/state";
import type { NodeView } from "@/lib/run/views";
import { useFacts } from "./facts";

export interface FootProps {
  id: string;
  node: WorkflowNode;
  attached: boolean;
  tools: number;
  view: NodeView | undefined;
}

export function Foot({ id, node, attached, tools, view }: FootProps) {
  if (view) return <RunFoot view={view} />;
  return <DraftFoot id={id} node={node} attached={attached} tools={tools} />;
}

const LINE = "nums flex h-full items-center gap-2.5 text-xs text-mute";

function DraftFoot({ id, node, attached, tools }: Pick<FootProps, "id" | "node" | "attached" | "tools">) {
  const { estimates } = useFacts();
  const estimate = useKeyed(estimates, id);
  const back = getAt(node.policy, ["backtrack", "to"]);
  const tries = getAt(node.policy, ["retry", "max_attempts"]);
  return (
    <div className={`${LINE} nx-detail`}>
      {attached ? (
        <span>an agent's tool</span>
      ) : estimate ? (
        <span title={`at least ${formatUsd(estimate.min_usd)}, at most ${formatUsd(estimate.max_usd)}`}>
          {estimate.max_usd === 0 ? "free" : `≈ ${formatUsd(estimate.expected_usd)} · ≤ ${formatUsd(estimate.max_usd)}`}
        </span>
      ) : (
        <code className="truncate font-mono">{id}</code>
      )}
      <span className="ml-auto flex items-center gap-2">
        {tools > 0 && (
          <span className="inline-flex items-center gap-1" title={`${tools} attached`}>
            <Wrench aria-hidden size={11} />
            {tools}
          </span>
        )}
        {typeof tries === "number" && (
          <span className="inline-flex items-center gap-1" title={`up to ${tries} tries`}>
            <RefreshCw aria-hidden size={11} />
            {tries}
          </span>
        )}
        {typeof back === "string" && (
          <span title={`may send back to ${back}`}>
            <Undo2 aria-hidden size={12} />
          </span>
        )}
        {node.config.output_schema != null && (
          <span title="answers with data">
            <CornerDownLeft aria-hidden size={11} />
          </span>
        )}
      </span>
    </div>
  );
}

function RunFoot({ view }: { view: NodeView }) {
  const { run, look } = view;
  const tokens = totalTokens(run.tokens);
  const retry = run.retrying;
  const note =
    look === "retrying" && retry
      ? `${retry.attempt}${retry.maxAttempts ? `/${retry.maxAttempts}` : ""}`
      : run.revision > 1
        ? `rev ${run.revision}`
        : run.attempts.length > 1
          ? `${run.attempts.length} tries`
          : undefined;
  return (
    <div className={LINE} data-node-look={look}>
      <span className="nx-mark min-w-0">
        <StatusMark look={look} detail={note} />
      </span>
      <span className="nx-detail ml-auto flex items-center gap-2 whitespace-nowrap">
        {tokens > 0 && <span>{formatCount(tokens)} tok</span>}
        {run.costUsd > 0 && <span className="text-ink-2">{formatUsd(run.costUsd)}</span>}
        {run.startedAt !== null && run.costUsd === 0 && run.status !== "pending" && <Took run={run} />}
      </span>
    </div>
  );
}

function Took({ run }: { run: NodeRun }) {
  return run.status === "running" ? (
    <Ticking since={run.startedAt} />
  ) : (
    <span>{formatDuration(run.latencyMs ?? elapsedMs(run.startedAt, run.finishedAt, 0))}</span>
  );
}

function Ticking({ since }: { since: string | null }) {
  return <span>{formatDuration(elapsedMs(since, null, useNow()))}</span>;
}

const TAIL = 180;

/** The end of what an agent is writing, under its node. */
export function Writing({ run }: { run: NodeRun }) {
  if (run.status !== "running" || run.stream === "") return null;
  const text = run.stream.length > TAIL ? `…${run.stream.slice(-TAIL)}` : run.stream;
  return (
    <div
      data-writing={run.id}
      className="nx-detail pointer-events-none absolute inset-x-0 top-full z-10 mt-2 line-clamp-4 rounded-md border border-blue-300 bg-raised px-2.5 py-1.5 text-xs wrap-anywhere text-ink-2 shadow-card dark:border-blue-500/50"
    >
      <bdi>{text}</bdi>
    </div>
  );
}
