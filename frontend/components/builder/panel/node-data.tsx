// What a node got and gave in the run that is shown, or in the latest one.
"use client";
import Link from "next/link";
import { Attempts } from "@/components/run/attempts";
import { EmptyState } from "@/components/ui/states";
import { StatusMark } from "@/components/ui/status";
import { ValueView } from "@/components/ui/value";
import { useObservable } from "@/hooks/use-observable";
import type { Json, WorkflowNode } from "@/lib/api/types";
import { formatUsd } from "@/lib/format/money";
import { formatCount, textsOf, titleOf } from "@/lib/format/text";
import { formatAgo, formatDuration } from "@/lib/format/time";
import { routes } from "@/lib/routes";
import { lookOf, type NodeRun, type RunState } from "@/lib/run/state";
import { useSession } from "../context";
import type { LastRun } from "./last-run";

export interface NodeDataProps {
  node: WorkflowNode;
  which: "input" | "output";
  last: LastRun;
}

export function NodeData({ node, which, last }: NodeDataProps) {
  const run = useObservable(useSession().runState);
  const live = run?.nodes.get(node.id);
  const stored = last.node(node.id);
  const execution = last.execution;
  if (!live && !stored) {
    return (
      <EmptyState title="No data yet">
        {execution === null
          ? "Run the workflow, and see here what went in and out."
          : "The latest run does not know this node."}
      </EmptyState>
    );
  }
  const input = live?.input ?? stored?.input ?? null;
  const output = live?.output ?? stored?.output ?? null;
  const error = live?.error ?? stored?.error ?? null;
  const attempts = live && live.attempts.length > 0 ? live.attempts : (stored?.attempts ?? []);
  return (
    <div className="space-y-3 p-3.5">
      {execution && (
        <p className="nums text-xs text-mute">
          {run ? "The run on the canvas" : `The run of ${formatAgo(execution.created_at, Date.now())}`}
          {" · "}
          <Link
            href={routes.run(execution.workflow_id, execution.id)}
            prefetch={false}
            className="underline underline-offset-2"
          >
            open it
          </Link>
        </p>
      )}
      {live && run && <Line node={live} run={run} />}
      {which === "input" ? <Input value={input} /> : <Output value={output} error={error?.message ?? null} />}
      {which === "output" && attempts.length > 0 && (
        <section aria-label="Attempts">
          <h3 className="mb-1.5 text-xs font-medium text-ink-2">Attempts</h3>
          <Attempts attempts={attempts} name={node.id} />
        </section>
      )}
    </div>
  );
}

function Line({ node, run }: { node: NodeRun; run: RunState }) {
  return (
    <p className="nums flex flex-wrap items-center gap-x-3 gap-y-1 text-xs text-mute">
      <StatusMark look={lookOf(node, run.status)} />
      {node.latencyMs !== null && <span>{formatDuration(node.latencyMs)}</span>}
      {node.tokens.prompt + node.tokens.completion > 0 && (
        <span>
          {formatCount(node.tokens.prompt)} in, {formatCount(node.tokens.completion)} out
        </span>
      )}
      {node.costUsd > 0 && <span>{formatUsd(node.costUsd)}</span>}
    </p>
  );
}

function Input({ value }: { value: Json }) {
  if (value === null) return <p className="text-mute">It has not started, or takes nothing.</p>;
  const texts = textsOf(value);
  if (texts === null) return <ValueView value={value} label="Input" tall />;
  return texts.map(([key, text]) => (
    <div key={key}>
      <h3 className="mb-1.5 text-xs font-medium text-ink-2">{titleOf(key)}</h3>
      <ValueView value={text} label={titleOf(key)} tall />
    </div>
  ));
}

function Output({ value, error }: { value: Json; error: string | null }) {
  return (
    <>
      {error !== null && (
        <p className="rounded-md border border-red-200 bg-red-50 px-3 py-2 text-sm wrap-anywhere dark:border-red-500/30 dark:bg-red-500/10">
          {error}
        </p>
      )}
      {value !== null ? (
        <ValueView value={value} label="Output" tall />
      ) : (
        error === null && <p className="text-mute">No output yet.</p>
      )}
    </>
  );
}
