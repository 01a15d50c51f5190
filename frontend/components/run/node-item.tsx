// One node of a run: a line that is always there, and everything about it when it is opened. What is being written is
// shown without opening.
"use client";
import { ChevronRight } from "lucide-react";
import { memo, useEffect, useId, useRef, useState } from "react";
import { cx } from "@/components/ui/cx";
import { ScrollBox } from "@/components/ui/scroll-box";
import { NodeBadge } from "@/components/ui/status";
import { NodeIcon } from "@/components/workflows/node-icon";
import { useNow } from "@/hooks/use-now";
import type { ExecutionStatus, WorkflowNode } from "@/lib/api/types";
import { formatUsd } from "@/lib/format/money";
import { formatCount, totalTokens } from "@/lib/format/text";
import { elapsedMs, formatDuration } from "@/lib/format/time";
import { nameOf } from "@/lib/nodes";
import { lookOf, type NodeRun } from "@/lib/run/state";
import { NodeDetails } from "./node-details";

export interface NodeItemProps {
  node: NodeRun;
  spec: WorkflowNode | undefined;
  run: ExecutionStatus;
}

export const NodeItem = memo(function NodeItem({ node, spec, run }: NodeItemProps) {
  const [open, setOpen] = useState(false);
  const panel = useId();
  const look = lookOf(node, run);
  const name = nameOf(spec, node.id);
  const type = node.type ?? spec?.type ?? null;
  const settled = node.status !== "pending" && node.status !== "running";
  const speaking = node.status === "running" && node.stream !== "";
  const retry = node.retrying;
  const detail =
    look === "retrying" && retry
      ? `${retry.attempt}${retry.maxAttempts ? `/${retry.maxAttempts}` : ""}`
      : node.revision > 1
        ? `rev ${node.revision}`
        : undefined;

  return (
    <li data-node={node.id} data-look={look}>
      <h3>
        <button
          type="button"
          aria-expanded={open}
          aria-controls={panel}
          onClick={() => setOpen(!open)}
          className="flex w-full items-center gap-2.5 px-3 py-2.5 text-left transition-colors hover:bg-sunken focus-visible:-outline-offset-2"
        >
          <ChevronRight
            aria-hidden
            size={14}
            className={cx("shrink-0 text-mute transition-transform duration-150", open && "rotate-90")}
          />
          <NodeIcon type={type} />
          <span className="flex min-w-0 flex-1 flex-col gap-x-3 sm:flex-row sm:items-baseline">
            <span className="truncate font-medium">{name}</span>
            <span className="truncate font-mono text-xs text-mute">
              {node.model ?? (name === node.id ? "" : node.id)}
            </span>
          </span>
          <Figures node={node} type={type} />
          <NodeBadge look={look} detail={detail} />
        </button>
      </h3>
      {!open && node.error && (look === "retrying" || settled) && (
        <p className="-mt-1 truncate pr-4 pb-2.5 pl-9 text-xs text-danger" title={node.error.message}>
          {node.error.message}
        </p>
      )}
      {speaking && <Stream text={node.stream} name={name} />}
      <div id={panel} hidden={!open}>
        {open && <NodeDetails node={node} name={name} />}
      </div>
    </li>
  );
});

function Figures({ node, type }: { node: NodeRun; type: string | null }) {
  const tokens = totalTokens(node.tokens);
  return (
    <span className="nums hidden shrink-0 items-baseline gap-3 text-xs text-ink-2 sm:flex">
      {type === "agent" && tokens > 0 && <span>{formatCount(tokens)} tok</span>}
      {(node.costUsd > 0 || (type === "agent" && node.status === "succeeded")) && (
        <span>{formatUsd(node.costUsd)}</span>
      )}
      {node.startedAt !== null && <Elapsed node={node} />}
    </span>
  );
}

function Elapsed({ node }: { node: NodeRun }) {
  const now = useNow();
  const running = node.status === "running";
  const ms = running
    ? elapsedMs(node.startedAt, null, now)
    : (node.latencyMs ?? elapsedMs(node.startedAt, node.finishedAt, now));
  if (!running && node.latencyMs === null && node.finishedAt === null) return null;
  return <span className="min-w-12 text-right">{formatDuration(ms)}</span>;
}

/** The answer while it is being written; stays at its end unless the reader scrolls up. */
function Stream({ text, name }: { text: string; name: string }) {
  const box = useRef<HTMLElement>(null);
  const stuck = useRef(true);

  // biome-ignore lint/correctness/useExhaustiveDependencies: it follows the text
  useEffect(() => {
    const element = box.current;
    if (element && stuck.current) element.scrollTop = element.scrollHeight;
  }, [text]);

  return (
    <ScrollBox
      ref={box}
      label={`${name} is writing`}
      onScroll={(event) => {
        const element = event.currentTarget;
        stuck.current = element.scrollHeight - element.scrollTop - element.clientHeight < 24;
      }}
      className="mr-4 mb-3 ml-9 max-h-40 overflow-y-auto border-l-2 border-blue-400 pl-3 whitespace-pre-wrap break-words text-ink-2 dark:border-blue-500"
    >
      {text}
      <span aria-hidden className="breathing ml-0.5 inline-block h-3.5 w-1.5 translate-y-0.5 bg-blue-500" />
    </ScrollBox>
  );
}
