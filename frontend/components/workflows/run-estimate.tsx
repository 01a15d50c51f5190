// In the run dialog: what this run may cost with these inputs, in all and node by node, against the budget that was typed.
"use client";
import { keepPreviousData, useQuery } from "@tanstack/react-query";
import { useEffect, useState } from "react";
import { api } from "@/lib/api/client";
import { ApiError, describeError } from "@/lib/api/errors";
import type { Budget, JsonObject, Workflow, WorkflowDocument } from "@/lib/api/types";
import { documentOf } from "@/lib/documents";
import { formatUsd } from "@/lib/format/money";
import { nameOf, nodeMap } from "@/lib/nodes";

const TYPING_MS = 400;

export interface RunEstimateProps {
  document: WorkflowDocument;
  /** Null while the form is not filled in well. */
  inputs: JsonObject | null;
  budget: Budget | null;
}

export function RunEstimate({ document, inputs, budget }: RunEstimateProps) {
  const wanted = JSON.stringify({ inputs, budget });
  const [asked, setAsked] = useState(wanted);
  useEffect(() => {
    const timer = setTimeout(() => setAsked(wanted), TYPING_MS);
    return () => clearTimeout(timer);
  }, [wanted]);
  const body = JSON.parse(asked) as { inputs: JsonObject | null; budget: Budget | null };
  const query = useQuery({
    queryKey: ["estimate", "run", document, asked],
    queryFn: ({ signal }) =>
      api.estimate(
        {
          document: documentOf(document as Workflow),
          inputs: body.inputs ?? {},
          ...(body.budget ? { budget: body.budget } : {}),
        },
        signal,
      ),
    enabled: body.inputs !== null,
    placeholderData: keepPreviousData,
    retry: false,
    staleTime: 60_000,
  });
  if (body.inputs === null && !query.data)
    return <p className="text-xs text-mute">The estimate comes with the inputs.</p>;
  if (query.isPending) return <p className="text-xs text-mute">Estimating…</p>;
  if (query.isError) {
    const text =
      query.error instanceof ApiError && query.error.status === 501
        ? "This server does not estimate costs yet; the budget holds all the same."
        : `No estimate: ${describeError(query.error).message}`;
    return <p className="text-xs text-mute">{text}</p>;
  }
  const { min_usd, expected_usd, max_usd, fits_budget, nodes } = query.data;
  const names = nodeMap(document);
  const rows = nodes.filter((node) => node.max_usd > 0).sort((a, b) => b.max_usd - a.max_usd);
  const cell = "nums py-1 text-right whitespace-nowrap";
  return (
    <section aria-label="Estimate" className="rounded-md border bg-sunken px-3 py-2.5">
      <dl className="nums grid grid-cols-3 gap-2">
        {(
          [
            ["Least", min_usd],
            ["Expected", expected_usd],
            ["Most", max_usd],
          ] as const
        ).map(([label, value]) => (
          <div key={label}>
            <dt className="text-xs text-mute">{label}</dt>
            <dd className="font-semibold">{formatUsd(value)}</dd>
          </div>
        ))}
      </dl>
      {!fits_budget && (
        <p className="mt-1.5 text-xs text-fuchsia-800 dark:text-fuchsia-300">
          At worst it needs more than the budget; it would stop there, and could be resumed.
        </p>
      )}
      {rows.length > 0 && (
        <details className="mt-1.5">
          <summary className="text-xs text-ink-2">By node</summary>
          <table className="mt-1 w-full text-left text-xs">
            <caption className="sr-only">Estimate by node</caption>
            <thead className="text-mute">
              <tr>
                <th scope="col" className="py-1 font-normal">
                  Node
                </th>
                <th scope="col" className={`${cell} font-normal`}>
                  Expected
                </th>
                <th scope="col" className={`${cell} font-normal`}>
                  Most
                </th>
              </tr>
            </thead>
            <tbody>
              {rows.slice(0, 30).map((row) => (
                <tr key={row.node_id} className="border-t">
                  <th scope="row" className="max-w-0 truncate py-1 font-normal" style={{ width: "60%" }}>
                    <bdi>{nameOf(names.get(row.node_id), row.node_id).slice(0, 80)}</bdi>
                  </th>
                  <td className={cell}>{formatUsd(row.expected_usd)}</td>
                  <td className={cell}>{formatUsd(row.max_usd)}</td>
                </tr>
              ))}
            </tbody>
          </table>
        </details>
      )}
    </section>
  );
}
