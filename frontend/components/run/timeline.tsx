// The run over time: one row per node, one bar per attempt. Choosing a row chooses the node everywhere on the page.
"use client";
import { memo, useMemo } from "react";
import { cx } from "@/components/ui/cx";
import { Shorten } from "@/components/ui/shorten";
import { NodeBadge } from "@/components/ui/status";
import { NodeIcon } from "@/components/workflows/node-icon";
import { useNow } from "@/hooks/use-now";
import type { ExecutionStatus, NodeStatus, WorkflowNode } from "@/lib/api/types";
import { formatUsd } from "@/lib/format/money";
import { formatDuration } from "@/lib/format/time";
import { nameOf } from "@/lib/nodes";
import { lookOf, type NodeRun, type RunState } from "@/lib/run/state";
import { type Span, ticks, timelineOf } from "@/lib/run/timeline";
import { isTerminal } from "@/lib/status";

const BARS: Record<NodeStatus, string> = {
  pending: "bg-slate-400",
  running: "bg-blue-500 dark:bg-blue-400",
  succeeded: "bg-green-600 dark:bg-green-500",
  failed: "bg-red-600 dark:bg-red-500",
  skipped: "bg-stone-400",
  cancelled: "bg-slate-500",
};

export interface TimelineProps {
  run: RunState;
  status: ExecutionStatus;
  nodes: ReadonlyMap<string, WorkflowNode>;
  selected: string | null;
  onSelect: (id: string) => void;
  /** The moment that the scrubber shows, if it is not the present. */
  moment: number | null;
  /** The run as it is now, whose length the picture has. */
  whole: RunState;
}

export function TimelineView({ run, status, nodes, selected, onSelect, moment, whole }: TimelineProps) {
  const now = useNow();
  const live = !isTerminal(status) && moment === null;
  const clock = live ? now : (moment ?? 0);
  const line = useMemo(() => {
    const shown = timelineOf(run, clock);
    if (moment === null) return shown;
    const { start, end } = timelineOf(whole, now);
    return { ...shown, start, end };
  }, [run, clock, moment, whole, now]);
  const length = line.end - line.start;
  const marks = ticks(length);
  const at = moment === null ? null : Math.min(100, Math.max(0, ((moment - line.start) / length) * 100));
  return (
    <div className="relative">
      <div aria-hidden className="nums relative ml-0 hidden h-7 border-b text-xs text-mute md:block md:ml-[26rem]">
        {marks.map((mark) => (
          <span
            key={mark}
            className="absolute top-1.5 -translate-x-1/2 whitespace-nowrap first:translate-x-0"
            style={{ left: `${(mark / length) * 100}%` }}
          >
            {(mark / length) * 100 < 94 && (mark === 0 ? "0" : formatDuration(mark))}
          </span>
        ))}
      </div>
      <ul aria-label="Nodes over time" className="divide-y">
        {line.rows.map((row) => (
          <Row
            key={row.id}
            node={row.node}
            spans={row.spans}
            start={line.start}
            length={length}
            status={status}
            spec={nodes.get(row.id)}
            selected={selected === row.id}
            onSelect={onSelect}
          />
        ))}
      </ul>
      {at !== null && (
        <div aria-hidden className="pointer-events-none absolute inset-y-0 right-0 left-[26rem] hidden md:block">
          <div className="absolute inset-y-0 w-px bg-accent" style={{ left: `${at}%` }} />
        </div>
      )}
    </div>
  );
}

interface RowProps {
  node: NodeRun;
  spans: Span[];
  start: number;
  length: number;
  status: ExecutionStatus;
  spec: WorkflowNode | undefined;
  selected: boolean;
  onSelect: (id: string) => void;
}

const Row = memo(function Row({ node, spans, start, length, status, spec, selected, onSelect }: RowProps) {
  const look = lookOf(node, status);
  const name = nameOf(spec, node.id);
  const retry = node.retrying;
  const detail =
    look === "retrying" && retry
      ? `${retry.attempt}${retry.maxAttempts ? `/${retry.maxAttempts}` : ""}`
      : node.revision > 1
        ? `rev ${node.revision}`
        : undefined;
  const took = spans.reduce((sum, span) => sum + (span.to - span.from), 0);
  return (
    <li
      data-node={node.id}
      data-look={look}
      className={cx("[contain-intrinsic-size:auto_2.25rem] [content-visibility:auto]", selected && "bg-accent-soft")}
    >
      <button
        type="button"
        aria-pressed={selected}
        onClick={() => onSelect(node.id)}
        className="flex w-full items-center text-left transition-colors hover:bg-sunken focus-visible:-outline-offset-2"
      >
        <span className="flex min-w-0 flex-1 items-center gap-2.5 py-2 pr-3 pl-3.5 md:w-[26rem] md:flex-none">
          <NodeIcon type={node.type ?? spec?.type ?? null} />
          <span className="min-w-0 flex-1">
            <span className="block truncate font-medium">
              <Shorten text={name} most={100} />
            </span>
            {node.error !== null && look !== "running" && (
              <span className="block truncate text-xs text-danger">
                <Shorten text={node.error.message} most={160} />
              </span>
            )}
          </span>
          <span className="nums hidden shrink-0 text-xs text-ink-2 sm:block">
            {node.costUsd > 0 ? formatUsd(node.costUsd) : ""}
          </span>
          <NodeBadge look={look} detail={detail} />
        </span>
        <span className="relative hidden h-9 min-w-0 flex-1 self-stretch border-l md:block">
          {spans.map((span) => {
            const left = ((span.from - start) / length) * 100;
            const width = ((span.to - span.from) / length) * 100;
            return (
              <span
                key={span.key}
                title={`${span.revision > 1 ? `revision ${span.revision}, ` : ""}attempt ${span.attempt}${span.model ? `, ${span.model}` : ""}: ${formatDuration(span.to - span.from)}`}
                className={cx("absolute top-1/2 h-3.5 min-w-1 -translate-y-1/2 rounded-sm", BARS[span.status])}
                style={{ left: `${left}%`, width: `${width}%` }}
              />
            );
          })}
          {spans.length > 0 && <After spans={spans} start={start} length={length} took={took} />}
        </span>
      </button>
    </li>
  );
});

function After({ spans, start, length, took }: { spans: Span[]; start: number; length: number; took: number }) {
  const end = Math.max(...spans.map((span) => ((span.to - start) / length) * 100));
  const first = Math.min(...spans.map((span) => ((span.from - start) / length) * 100));
  const right = end < 88;
  return (
    <span
      className="nums absolute top-1/2 -translate-y-1/2 px-1.5 text-xs whitespace-nowrap text-mute"
      style={right ? { left: `${end}%` } : { right: `${100 - first}%` }}
    >
      {(right || first > 12) && formatDuration(took)}
    </span>
  );
}
