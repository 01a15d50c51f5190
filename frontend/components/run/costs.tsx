// Where the money went, by node and by model, and what had been expected.
"use client";
import { useQuery } from "@tanstack/react-query";
import { useMemo } from "react";
import { Card } from "@/components/ui/card";
import { Shorten } from "@/components/ui/shorten";
import { api } from "@/lib/api/client";
import { ApiError } from "@/lib/api/errors";
import type { Estimate, WorkflowDocument, WorkflowNode } from "@/lib/api/types";
import { formatUsd } from "@/lib/format/money";
import { formatCount } from "@/lib/format/text";
import { nameOf } from "@/lib/nodes";
import { type CostLine, costsByModel, costsByNode } from "@/lib/run/costs";
import { type RunState, totalsOf } from "@/lib/run/state";

export interface CostsProps {
  run: RunState;
  document: WorkflowDocument | undefined;
  nodes: ReadonlyMap<string, WorkflowNode>;
}

export function Costs({ run, document, nodes }: CostsProps) {
  const query = useQuery({
    queryKey: ["estimate", "of run", run.workflowId, run.workflowVersion, run.inputs, document === undefined],
    queryFn: ({ signal }) =>
      api.estimate(
        {
          document: document as WorkflowDocument,
          inputs: run.inputs ?? {},
          ...(run.limitUsd === null ? {} : { budget: { limit_usd: run.limitUsd } }),
        },
        signal,
      ),
    enabled: document !== undefined,
    retry: false,
    staleTime: Number.POSITIVE_INFINITY,
  });
  const estimate = query.data ?? null;
  const byNode = useMemo(() => costsByNode(run, estimate), [run, estimate]);
  const byModel = useMemo(() => costsByModel(run), [run]);
  const { usd } = totalsOf(run);
  const missing = query.error instanceof ApiError && query.error.status === 501;
  if (byNode.length === 0 && byModel.length === 0) {
    return (
      <Card title="Cost">
        <p className="text-mute">Nothing has cost anything.</p>
      </Card>
    );
  }
  return (
    <Card title="Cost" flush note={missing ? "without an estimate: this server does not make one yet" : undefined}>
      {estimate && <Compared estimate={estimate} usd={usd} />}
      <Lines
        title="Node"
        lines={byNode}
        name={(key) => nameOf(nodes.get(key), key)}
        estimated={estimate !== null}
        most={usd}
      />
      {byModel.length > 0 && <Lines title="Model" lines={byModel} name={(key) => key} estimated={false} most={usd} />}
    </Card>
  );
}

function Compared({ estimate, usd }: { estimate: Estimate; usd: number }) {
  const values = [
    ["Expected", estimate.expected_usd],
    ["Actual", usd],
    ["At most", estimate.max_usd],
  ] as const;
  return (
    <dl className="nums grid grid-cols-3 border-b px-4 py-3">
      {values.map(([label, value]) => (
        <div key={label}>
          <dt className="text-xs text-mute">{label}</dt>
          <dd className={label === "Actual" ? "font-semibold" : ""}>{formatUsd(value)}</dd>
        </div>
      ))}
    </dl>
  );
}

interface LinesProps {
  title: string;
  lines: CostLine[];
  name: (key: string) => string;
  estimated: boolean;
  most: number;
}

function Lines({ title, lines, name, estimated, most }: LinesProps) {
  const cell = "nums py-1.5 pr-4 text-right whitespace-nowrap";
  return (
    <table className="w-full border-b text-left last:border-b-0">
      <caption className="sr-only">Cost by {title.toLowerCase()}</caption>
      <thead className="text-xs text-mute">
        <tr>
          <th scope="col" className="py-1.5 pl-4 font-medium">
            {title}
          </th>
          <th scope="col" className={`${cell} font-medium max-sm:hidden`}>
            Tokens
          </th>
          {estimated && (
            <th scope="col" className={`${cell} font-medium`}>
              Expected
            </th>
          )}
          <th scope="col" className={`${cell} font-medium`}>
            Cost
          </th>
        </tr>
      </thead>
      <tbody>
        {lines.map((line) => (
          <tr key={line.key} className="border-t">
            <th scope="row" className="w-full max-w-0 py-1.5 pl-4 font-normal">
              <span className="block truncate">
                <Shorten text={name(line.key)} most={80} />
              </span>
              <svg
                aria-hidden="true"
                viewBox="0 0 100 2"
                preserveAspectRatio="none"
                className="mt-1 block h-0.5 w-full max-w-48"
              >
                <rect width="100" height="2" className="fill-line" />
                <rect
                  width={most > 0 ? Math.min(100, (line.usd / most) * 100) : 0}
                  height="2"
                  className="fill-accent"
                />
              </svg>
            </th>
            <td className={`${cell} text-ink-2 max-sm:hidden`}>{formatCount(line.tokens)}</td>
            {estimated && <td className={`${cell} text-mute`}>{formatUsd(line.expectedUsd)}</td>}
            <td className={cell}>{formatUsd(line.usd)}</td>
          </tr>
        ))}
      </tbody>
    </table>
  );
}
