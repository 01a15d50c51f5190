// All tries of a node, of all its revisions: model, result, money, time, and the tools that were called.
"use client";
import { shorten } from "@/components/ui/shorten";
import { NodeBadge } from "@/components/ui/status";
import { ValueView } from "@/components/ui/value";
import type { Attempt, ToolCall } from "@/lib/api/types";
import { formatUsd } from "@/lib/format/money";
import { formatCount, plural, totalTokens } from "@/lib/format/text";
import { formatDuration } from "@/lib/format/time";

export function Attempts({ attempts, name }: { attempts: Attempt[]; name: string }) {
  const revised = attempts.some((attempt) => attempt.revision > 1);
  return (
    <ul aria-label={`Attempts of ${shorten(name, 100)}`} className="divide-y rounded-md border">
      {attempts.map((attempt) => (
        <li key={`${attempt.revision}.${attempt.attempt}`} className="px-3 py-2">
          <div className="flex flex-wrap items-center gap-x-3 gap-y-1">
            <span className="nums w-auto text-xs text-mute">
              {revised && `rev ${attempt.revision} · `}#{attempt.attempt}
            </span>
            <NodeBadge look={attempt.status} />
            {attempt.model && <code className="min-w-0 truncate font-mono text-xs">{attempt.model}</code>}
            <span className="nums ml-auto flex gap-3 text-xs text-ink-2">
              {totalTokens(attempt.tokens) > 0 && <span>{formatCount(totalTokens(attempt.tokens))} tok</span>}
              {attempt.model && <span>{formatUsd(attempt.cost_usd)}</span>}
              <span>{formatDuration(attempt.latency_ms)}</span>
            </span>
          </div>
          {attempt.error && (
            <p className="mt-1 text-xs wrap-anywhere text-danger">
              {attempt.error.message} <code className="font-mono text-ink-2">{attempt.error.code}</code>
            </p>
          )}
          {attempt.tool_calls && attempt.tool_calls.length > 0 && <ToolCalls calls={attempt.tool_calls} />}
        </li>
      ))}
    </ul>
  );
}

function ToolCalls({ calls }: { calls: ToolCall[] }) {
  return (
    <details className="mt-1.5">
      <summary className="text-xs text-ink-2">{plural(calls.length, "tool call")}</summary>
      <ol className="mt-2 space-y-3">
        {calls.map((call, index) => (
          // biome-ignore lint/suspicious/noArrayIndexKey: calls only ever grow at the end
          <li key={index} className="space-y-1">
            <p className="nums text-xs">
              <code className="font-mono">{call.tool}</code>
              <span className="text-mute"> · {formatDuration(call.latency_ms)}</span>
              {call.error && <span className="text-danger"> · {call.error.message}</span>}
            </p>
            <ValueView value={call.args} label={`Arguments of ${call.tool}`} />
            {!call.error && <ValueView value={call.output} label={`Answer of ${call.tool}`} />}
          </li>
        ))}
      </ol>
    </details>
  );
}
