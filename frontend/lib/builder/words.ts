// A node's policy in plain sentences: what happens when it fails, how long it may take, what it may spend.
import type { Json, WorkflowNode } from "../api/types";
import { formatUsd } from "../format/money";
import { formatDuration } from "../format/time";
import { getAt } from "./ops";

const numberOr = (value: Json | undefined, fallback: number) => (typeof value === "number" ? value : fallback);

/** The waits between tries, the first few. */
function waits(attempts: number, first: number, factor: number, longest: number): string {
  const list: string[] = [];
  for (let index = 0; index < Math.min(attempts - 1, 3); index += 1) {
    list.push(formatDuration(Math.min(longest, first * factor ** index)));
  }
  return `${list.join(", ")}${attempts - 1 > 3 ? " …" : ""}`;
}

function failing(node: WorkflowNode): string {
  const policy = node.policy;
  const onError = getAt(policy, ["on_error"]) ?? "fail";
  switch (onError) {
    case "continue":
      return "If it still fails, the run goes on with null as its output.";
    case "default":
      return "If it still fails, the run goes on with the default output.";
    default:
      return "If it still fails, what depends on it is skipped, other branches go on, and the run ends as failed.";
  }
}

export function policyInWords(node: WorkflowNode): string[] {
  const { policy } = node;
  const says: string[] = [];
  if (node.type !== "conditional") {
    const seconds = numberOr(getAt(policy, ["timeout_seconds"]), 60);
    const attempts = numberOr(getAt(policy, ["retry", "max_attempts"]), 3);
    says.push(`Every try may take ${formatDuration(seconds * 1000)}.`);
    if (attempts <= 1) says.push("It is tried once.");
    else {
      const jitter = getAt(policy, ["retry", "jitter"]) === false ? "" : ", a little varied";
      says.push(
        `A failure that may pass (busy, timeout, connection) is tried again, ${attempts} times in all, after ${waits(
          attempts,
          numberOr(getAt(policy, ["retry", "initial_interval_ms"]), 500),
          numberOr(getAt(policy, ["retry", "factor"]), 2),
          numberOr(getAt(policy, ["retry", "max_interval_ms"]), 60_000),
        )}${jitter}.`,
      );
    }
  }
  if (node.type === "agent") {
    const fallbacks = node.config.fallbacks;
    if (Array.isArray(fallbacks) && fallbacks.length > 0) {
      says.push(`Then ${fallbacks.map(String).join(", then ")}, each with tries of its own.`);
    }
    const back = getAt(policy, ["backtrack", "to"]);
    if (typeof back === "string" && back !== "") {
      const most = numberOr(getAt(policy, ["backtrack", "max"]), 2);
      says.push(
        `If its checks reject the answer, ${back} is done again with the reason as feedback, at most ${most === 1 ? "once" : `${most} times`}.`,
      );
    } else if ((Array.isArray(node.config.checks) && node.config.checks.length > 0) || node.config.output_schema) {
      says.push("An answer that breaks its schema or checks is asked for once more, with the reason.");
    }
  }
  if (node.type !== "conditional") says.push(failing(node));
  const budget = getAt(policy, ["budget_usd"]);
  if (typeof budget === "number") says.push(`It may spend ${formatUsd(budget)}; the run stops when that is used up.`);
  says.push(
    getAt(policy, ["join"]) === "any"
      ? "It starts with the first of its inputs that arrives."
      : "It starts when all of its inputs are settled.",
  );
  return says;
}
