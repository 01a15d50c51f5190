// A run as spans of time, one row per node, one span per attempt: what a Gantt chart draws. The server's attempts tell the
// spans; a node that is just starting is known from its event. Not here: drawing.
import type { NodeStatus } from "../api/types";
import { isTerminal } from "../status";
import type { NodeRun, RunState } from "./state";

export interface Span {
  key: string;
  from: number;
  to: number;
  status: NodeStatus;
  attempt: number;
  revision: number;
  model: string | null;
}

export interface TimelineRow {
  id: string;
  node: NodeRun;
  spans: Span[];
}

export interface Timeline {
  start: number;
  end: number;
  rows: TimelineRow[];
}

function spansOf(node: NodeRun, now: number): Span[] {
  const spans = node.attempts.flatMap((attempt): Span[] => {
    const from = Date.parse(attempt.started_at);
    if (!Number.isFinite(from)) return [];
    const ended = attempt.finished_at === null ? Number.NaN : Date.parse(attempt.finished_at);
    const running = attempt.status === "running" && node.status === "running";
    const to = Number.isFinite(ended) ? ended : running ? now : from + (attempt.latency_ms ?? 0);
    return [
      {
        key: `${attempt.revision}.${attempt.attempt}.${attempt.model ?? ""}`,
        from,
        to: Math.max(from, to),
        status: attempt.status,
        attempt: attempt.attempt,
        revision: attempt.revision,
        model: attempt.model,
      },
    ];
  });
  const started = node.startedAt === null ? Number.NaN : Date.parse(node.startedAt);
  const told = spans.some((span) => span.from >= started - 1_000 || span.status === "running");
  if (Number.isFinite(started) && !told && node.status !== "pending" && node.status !== "skipped") {
    const finished = node.finishedAt === null ? now : Date.parse(node.finishedAt);
    spans.push({
      key: "now",
      from: started,
      to: Math.max(started, Number.isFinite(finished) ? finished : now),
      status: node.status,
      attempt: node.attempts.length + 1,
      revision: node.revision,
      model: node.model,
    });
  }
  return spans;
}

/** Spans of nodes at rest do not change: they are worked out once for each state of the node. */
const known = new WeakMap<NodeRun, Span[]>();

function cachedSpans(node: NodeRun, now: number): Span[] {
  if (node.status === "running") return spansOf(node, now);
  const before = known.get(node);
  if (before) return before;
  const spans = spansOf(node, now);
  known.set(node, spans);
  return spans;
}

export function timelineOf(run: RunState, now: number): Timeline {
  const rows = run.order.flatMap((id): TimelineRow[] => {
    const node = run.nodes.get(id);
    return node ? [{ id, node, spans: cachedSpans(node, now) }] : [];
  });
  const spans = rows.flatMap((row) => row.spans);
  const begun = [run.startedAt ?? run.createdAt].flatMap((text) => (text === null ? [] : [Date.parse(text)]));
  const start = Math.min(...spans.map((span) => span.from), ...begun);
  const over = run.status !== null && isTerminal(run.status);
  const finished = over && run.finishedAt !== null ? [Date.parse(run.finishedAt)] : over ? [] : [now];
  const end = Math.max(...spans.map((span) => span.to), ...finished);
  if (!Number.isFinite(start)) return { start: now, end: now + 1, rows };
  // while it goes on, the picture grows in steps, so that not every bar moves with every event
  const length = over ? end - start : grown(end - start);
  return { start, end: start + Math.max(1, length), rows };
}

function grown(length: number): number {
  const step = Math.max(500, 2 ** Math.floor(Math.log2(Math.max(1, length))) / 4);
  return Math.ceil(length / step) * step;
}

const STEPS = [
  1, 2, 5, 10, 20, 50, 100, 200, 500, 1e3, 2e3, 5e3, 1e4, 1.5e4, 3e4, 6e4, 12e4, 3e5, 6e5, 18e5, 36e5, 72e5, 216e5,
  864e5,
];

/** Where to draw lines of time: about `most` of them, at round distances from the start, in milliseconds. */
export function ticks(length: number, most = 6): number[] {
  const step = STEPS.find((one) => length / one <= most) ?? length / most;
  const list: number[] = [];
  for (let at = 0; at <= length; at += step) list.push(at);
  return list;
}
