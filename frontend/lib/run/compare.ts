// Two runs side by side: their figures, and node by node what came out, what it cost and how long it took.
import type { AgentExecution, Execution, Json, NodeStatus } from "../api/types";
import { sameJson } from "../builder/json";
import { elapsedMs } from "../format/time";

export interface Side {
  status: NodeStatus | null;
  output: Json;
  usd: number;
  ms: number | null;
  tokens: number;
  model: string | null;
  tries: number;
}

export interface ComparedNode {
  id: string;
  a: Side;
  b: Side;
  sameOutput: boolean;
}

const NOTHING: Side = { status: null, output: null, usd: 0, ms: null, tokens: 0, model: null, tries: 0 };

function sideOf(entry: AgentExecution | undefined): Side {
  if (!entry) return NOTHING;
  return {
    status: entry.status,
    output: entry.output,
    usd: entry.cost_usd,
    ms: entry.latency_ms ?? elapsedMs(entry.started_at, entry.finished_at, Date.now()),
    tokens: entry.tokens.prompt + entry.tokens.completion,
    model: entry.model,
    tries: entry.attempts.length,
  };
}

export function compareRuns(a: Execution, b: Execution): ComparedNode[] {
  const left = new Map(a.agent_executions.map((entry) => [entry.node_id, entry]));
  const right = new Map(b.agent_executions.map((entry) => [entry.node_id, entry]));
  const ids = [...new Set([...left.keys(), ...right.keys()])];
  return ids.map((id) => {
    const [one, two] = [sideOf(left.get(id)), sideOf(right.get(id))];
    return { id, a: one, b: two, sameOutput: one.status === two.status && sameJson(one.output, two.output) };
  });
}

/** `+12 %`, `−40 %`, `the same`; nothing where there is nothing to compare with. */
export function changeOf(before: number | null, after: number | null): string | null {
  if (before === null || after === null || before === 0) return null;
  const share = Math.round(((after - before) / before) * 100);
  if (share === 0) return "the same";
  return share > 0 ? `+${share.toLocaleString("en-US")} %` : `−${Math.abs(share).toLocaleString("en-US")} %`;
}
