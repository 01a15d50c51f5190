// What a run may cost, node by node, dearest first: least, expected, most.
"use client";
import { Shorten } from "@/components/ui/shorten";
import { EmptyState, ErrorNote } from "@/components/ui/states";
import type { Estimate } from "@/lib/api/types";
import { formatUsd } from "@/lib/format/money";
import { formatCount } from "@/lib/format/text";
import { nameOf } from "@/lib/nodes";
import { useEditor, useSession } from "./context";
import type { EstimateState } from "./use-checks";

export function CostTab({ state }: { state: EstimateState }) {
  switch (state.kind) {
    case "known":
      return <Table estimate={state.estimate} />;
    case "failed":
      return (
        <div className="p-3">
          <ErrorNote error={state.error} />
        </div>
      );
    case "unavailable":
      return (
        <EmptyState title="No estimate">This server does not estimate costs yet. A budget still holds.</EmptyState>
      );
    case "blocked":
      return <EmptyState title="No estimate yet">A workflow with problems has no cost. Mend them first.</EmptyState>;
    default:
      return <EmptyState title="No estimate yet">Add nodes, and see what a run may cost.</EmptyState>;
  }
}

function Table({ estimate }: { estimate: Estimate }) {
  const session = useSession();
  const document = useEditor((one) => one.document);
  const nodes = new Map(document.graph.nodes.map((node) => [node.id, node]));
  const rows = [...estimate.nodes].sort((a, b) => b.max_usd - a.max_usd);
  const cell = "nums px-3 py-1.5 text-right whitespace-nowrap";
  return (
    <table className="w-full text-left">
      <caption className="sr-only">Estimate of a run, by node</caption>
      <thead className="sticky top-0 bg-surface text-xs text-mute">
        <tr className="border-b">
          <th scope="col" className="px-3.5 py-1.5 font-medium">
            Node
          </th>
          <th scope="col" className={`${cell} font-medium`}>
            Least
          </th>
          <th scope="col" className={`${cell} font-medium`}>
            Expected
          </th>
          <th scope="col" className={`${cell} font-medium`}>
            Most
          </th>
        </tr>
      </thead>
      <tbody className="divide-y">
        <tr className="font-medium">
          <th scope="row" className="px-3.5 py-1.5 font-medium">
            The whole run
            {estimate.tokens.prompt !== undefined && (
              <span className="nums ml-2 text-xs font-normal text-mute">
                {formatCount(estimate.tokens.prompt)} tokens in, {formatCount(estimate.tokens.completion)} out
              </span>
            )}
            {!estimate.fits_budget && (
              <span className="ml-2 text-xs text-fuchsia-800 dark:text-fuchsia-300">may need more than the budget</span>
            )}
          </th>
          <td className={cell}>{formatUsd(estimate.min_usd)}</td>
          <td className={cell}>{formatUsd(estimate.expected_usd)}</td>
          <td className={cell}>{formatUsd(estimate.max_usd)}</td>
        </tr>
        {rows.map((row) => (
          <tr key={row.node_id} className="hover:bg-sunken">
            <th scope="row" className="max-w-0 px-3.5 py-1.5 font-normal">
              <button
                type="button"
                className="max-w-full truncate hover:underline"
                onClick={() => session.jump(row.node_id)}
              >
                <Shorten text={nameOf(nodes.get(row.node_id), row.node_id)} most={80} />
              </button>
            </th>
            <td className={cell}>{formatUsd(row.min_usd)}</td>
            <td className={cell}>{formatUsd(row.expected_usd)}</td>
            <td className={cell}>{formatUsd(row.max_usd)}</td>
          </tr>
        ))}
      </tbody>
    </table>
  );
}
