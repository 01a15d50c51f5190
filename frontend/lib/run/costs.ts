// Where a run's money went: by node and by model, with what was estimated beside it. Not here: asking for the estimate.
import type { Estimate } from "../api/types";
import type { RunState } from "./state";

export interface CostLine {
  key: string;
  usd: number;
  tokens: number;
  attempts: number;
  expectedUsd: number | null;
  maxUsd: number | null;
}

export function costsByNode(run: RunState, estimate: Estimate | null): CostLine[] {
  const expected = new Map(estimate?.nodes.map((node) => [node.node_id, node]));
  return run.order
    .flatMap((id): CostLine[] => {
      const node = run.nodes.get(id);
      const guess = expected.get(id);
      if (!node || (node.costUsd === 0 && (guess?.max_usd ?? 0) === 0)) return [];
      return [
        {
          key: id,
          usd: node.costUsd,
          tokens: node.tokens.prompt + node.tokens.completion,
          attempts: node.attempts.length,
          expectedUsd: guess?.expected_usd ?? null,
          maxUsd: guess?.max_usd ?? null,
        },
      ];
    })
    .sort((a, b) => b.usd - a.usd);
}

export function costsByModel(run: RunState): CostLine[] {
  const lines = new Map<string, CostLine>();
  for (const node of run.nodes.values()) {
    for (const attempt of node.attempts) {
      if (attempt.model === null) continue;
      const line = lines.get(attempt.model) ?? {
        key: attempt.model,
        usd: 0,
        tokens: 0,
        attempts: 0,
        expectedUsd: null,
        maxUsd: null,
      };
      line.usd += attempt.cost_usd;
      line.tokens += attempt.tokens.prompt + attempt.tokens.completion;
      line.attempts += 1;
      lines.set(attempt.model, line);
    }
  }
  return [...lines.values()].sort((a, b) => b.usd - a.usd);
}
