// Two runs side by side: figures, inputs, and node by node outputs, cost and time. What differs is marked, and can be seen
// alone.
"use client";
import { useQuery } from "@tanstack/react-query";
import { ArrowLeftRight, Equal, EqualNot } from "lucide-react";
import Link from "next/link";
import { useSearchParams } from "next/navigation";
import { type ReactNode, useMemo, useState } from "react";
import { LinkButton } from "@/components/ui/button";
import { Card, PageHead } from "@/components/ui/card";
import { cx } from "@/components/ui/cx";
import { Shorten, shorten } from "@/components/ui/shorten";
import { SkeletonPage } from "@/components/ui/skeleton";
import { EmptyState, ErrorState } from "@/components/ui/states";
import { ExecutionBadge, NodeBadge } from "@/components/ui/status";
import { ValueView } from "@/components/ui/value";
import { useWorkflowVersion } from "@/hooks/queries";
import { api } from "@/lib/api/client";
import type { Execution } from "@/lib/api/types";
import { sameJson } from "@/lib/builder/json";
import { formatUsd } from "@/lib/format/money";
import { formatCount, shortId, totalTokens } from "@/lib/format/text";
import { elapsedMs, formatDuration, formatMoment } from "@/lib/format/time";
import { nameOf, nodeMap } from "@/lib/nodes";
import { routes } from "@/lib/routes";
import { type ComparedNode, changeOf, compareRuns, type Side } from "@/lib/run/compare";

function useExecution(id: string | null) {
  return useQuery({
    queryKey: ["execution", id],
    queryFn: ({ signal }) => api.execution(id ?? "", signal),
    enabled: id !== null && id !== "",
    refetchInterval: (query) => (query.state.data?.finished_at === null ? 3_000 : false),
  });
}

export function ComparePage() {
  const params = useSearchParams();
  const [left, right] = [params.get("a"), params.get("b")];
  const a = useExecution(left);
  const b = useExecution(right);
  if (!left || !right) {
    return (
      <Card flush>
        <EmptyState title="Choose two runs">
          Mark two runs in the list of{" "}
          <Link prefetch={false} href={routes.executions()} className="underline">
            runs
          </Link>
          , and compare them.
        </EmptyState>
      </Card>
    );
  }
  if (a.isPending || b.isPending) return <SkeletonPage />;
  if (!a.data || !b.data) {
    return (
      <Card flush>
        <ErrorState
          error={a.error ?? b.error}
          onRetry={() => {
            void a.refetch();
            void b.refetch();
          }}
        />
      </Card>
    );
  }
  return <Compared a={a.data} b={b.data} />;
}

function Compared({ a, b }: { a: Execution; b: Execution }) {
  const [onlyDifferent, setOnlyDifferent] = useState(false);
  const document = useWorkflowVersion(b.workflow_id, b.workflow_version);
  const names = useMemo(() => nodeMap(document.data), [document.data]);
  const rows = useMemo(() => compareRuns(a, b), [a, b]);
  const shown = onlyDifferent ? rows.filter((row) => !row.sameOutput) : rows;
  const different = rows.filter((row) => !row.sameOutput).length;
  return (
    <>
      <PageHead
        above={
          <Link prefetch={false} href={routes.executions()} className="underline-offset-2 hover:underline">
            Runs
          </Link>
        }
        title="Two runs compared"
        below={
          a.workflow_id === b.workflow_id
            ? `${b.workflow_name ?? "The same workflow"}, ${a.workflow_version === b.workflow_version ? `version ${b.workflow_version}` : `versions ${a.workflow_version} and ${b.workflow_version}`}`
            : "Two workflows: nodes with the same id are compared."
        }
        actions={
          <LinkButton
            href={routes.compare(b.id, a.id)}
            prefetch={false}
            icon={<ArrowLeftRight aria-hidden size={15} />}
          >
            Swap
          </LinkButton>
        }
      />
      <Figures a={a} b={b} />
      <Card title="Inputs" className="mb-4" note={sameJson(a.inputs, b.inputs) ? "the same" : "different"}>
        <div className="grid grid-cols-1 gap-3 md:grid-cols-2">
          <ValueView value={a.inputs} label="Inputs of the first run" />
          <ValueView value={b.inputs} label="Inputs of the second run" />
        </div>
      </Card>
      <Card
        title="Nodes"
        flush
        note={different === 0 ? "all outputs are the same" : `${different} of ${rows.length} differ`}
        actions={
          <label className="flex cursor-pointer items-center gap-2 text-xs text-ink-2">
            <input
              type="checkbox"
              className="size-4 accent-(--accent)"
              checked={onlyDifferent}
              onChange={(event) => setOnlyDifferent(event.target.checked)}
            />
            Only what differs
          </label>
        }
      >
        <ul aria-label="Nodes compared" className="divide-y">
          {shown.map((row) => (
            <Row key={row.id} row={row} name={nameOf(names.get(row.id), row.id)} />
          ))}
        </ul>
        {shown.length === 0 && <p className="p-4 text-mute">No output differs.</p>}
      </Card>
    </>
  );
}

function Figures({ a, b }: { a: Execution; b: Execution }) {
  const time = (run: Execution) => elapsedMs(run.started_at, run.finished_at, Date.now());
  const rows: [label: string, left: ReactNode, right: ReactNode, change: string | null][] = [
    ["Status", <ExecutionBadge key="a" status={a.status} />, <ExecutionBadge key="b" status={b.status} />, null],
    ["Started", formatMoment(a.started_at ?? a.created_at), formatMoment(b.started_at ?? b.created_at), null],
    ["Duration", formatDuration(time(a)), formatDuration(time(b)), changeOf(time(a), time(b))],
    [
      "Cost",
      formatUsd(a.budget.spent_usd),
      formatUsd(b.budget.spent_usd),
      changeOf(a.budget.spent_usd, b.budget.spent_usd),
    ],
    [
      "Tokens",
      formatCount(totalTokens(a.tokens)),
      formatCount(totalTokens(b.tokens)),
      changeOf(totalTokens(a.tokens), totalTokens(b.tokens)),
    ],
    [
      "Cap",
      a.budget.limit_usd === null ? "none" : formatUsd(a.budget.limit_usd),
      b.budget.limit_usd === null ? "none" : formatUsd(b.budget.limit_usd),
      null,
    ],
  ];
  const cell = "nums px-3 py-1.5 align-middle sm:px-4";
  return (
    <Card flush className="mb-4 overflow-x-auto">
      <table className="w-full text-left">
        <caption className="sr-only">The two runs in figures</caption>
        <thead className="text-xs text-mute">
          <tr className="border-b">
            <td />
            {[a, b].map((run, index) => (
              <th key={run.id} scope="col" className="px-3 py-2 font-medium sm:px-4">
                {index === 0 ? "First" : "Second"}{" "}
                <Link
                  href={routes.run(run.workflow_id, run.id)}
                  prefetch={false}
                  className="font-mono underline-offset-2 hover:underline"
                >
                  {shortId(run.id)}
                </Link>
              </th>
            ))}
            <th scope="col" className="px-3 py-2 font-medium sm:px-4">
              Change
            </th>
          </tr>
        </thead>
        <tbody className="divide-y">
          {rows.map(([label, left, right, change]) => (
            <tr key={label}>
              <th scope="row" className="px-3 py-1.5 text-xs font-medium whitespace-nowrap text-mute sm:px-4">
                {label}
              </th>
              <td className={cell}>{left}</td>
              <td className={cell}>{right}</td>
              <td className={cx(cell, "text-ink-2")}>{change ?? ""}</td>
            </tr>
          ))}
        </tbody>
      </table>
    </Card>
  );
}

function Row({ row, name }: { row: ComparedNode; name: string }) {
  const [open, setOpen] = useState(!row.sameOutput);
  const Icon = row.sameOutput ? Equal : EqualNot;
  return (
    <li data-compared={row.id}>
      <button
        type="button"
        aria-expanded={open}
        onClick={() => setOpen(!open)}
        className="flex w-full flex-wrap items-center gap-x-3 gap-y-1 px-4 py-2 text-left hover:bg-sunken focus-visible:-outline-offset-2"
      >
        <Icon aria-hidden size={15} className={row.sameOutput ? "text-mute" : "text-amber-800 dark:text-amber-300"} />
        <span className="min-w-0 flex-1 truncate font-medium">
          <Shorten text={name} most={100} />
        </span>
        <span className="text-xs text-mute">{row.sameOutput ? "the same" : "different"}</span>
        <span className="nums text-xs text-ink-2">
          {formatUsd(row.a.usd)} → {formatUsd(row.b.usd)}
        </span>
        <span className="nums text-xs text-ink-2">
          {formatDuration(row.a.ms)} → {formatDuration(row.b.ms)}
        </span>
      </button>
      {open && (
        <div className="grid grid-cols-1 gap-3 px-4 pb-3 md:grid-cols-2">
          <One side={row.a} label={`${shorten(name, 80)}, first run`} />
          <One side={row.b} label={`${shorten(name, 80)}, second run`} />
        </div>
      )}
    </li>
  );
}

function One({ side, label }: { side: Side; label: string }) {
  if (side.status === null)
    return <p className="rounded-md border border-dashed p-3 text-mute">This run does not have the node.</p>;
  return (
    <div className="min-w-0 space-y-1.5">
      <p className="nums flex flex-wrap items-center gap-x-3 gap-y-1 text-xs text-mute">
        <NodeBadge look={side.status} />
        {side.model && <code className="font-mono">{side.model}</code>}
        {side.tokens > 0 && <span>{formatCount(side.tokens)} tokens</span>}
        {side.tries > 1 && <span>{side.tries} tries</span>}
      </p>
      {side.output !== null && <ValueView value={side.output} label={label} />}
    </div>
  );
}
