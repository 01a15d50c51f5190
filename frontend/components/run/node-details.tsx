// Everything about one node: its error, output, attempts, input.
"use client";
import type { ReactNode } from "react";
import { shorten } from "@/components/ui/shorten";
import { ValueView } from "@/components/ui/value";
import type { Json } from "@/lib/api/types";
import { formatUsd } from "@/lib/format/money";
import { formatCount, textsOf, titleOf } from "@/lib/format/text";
import { formatDuration, formatMoment } from "@/lib/format/time";
import type { NodeRun } from "@/lib/run/state";
import { Attempts } from "./attempts";

export function NodeDetails({ node, name }: { node: NodeRun; name: string }) {
  const hasOutput = node.output !== undefined && !(node.output === null && node.status !== "succeeded");
  const hasInput = node.input !== undefined && node.input !== null;
  return (
    <div className="space-y-4 px-4 pt-2 pb-4 sm:pl-9">
      <p className="nums text-xs text-mute">
        <code className="font-mono">{node.id}</code>
        {node.startedAt && <> · started {formatMoment(node.startedAt)}</>}
        {node.latencyMs !== null && <> · {formatDuration(node.latencyMs)}</>}
        {node.tokens.prompt + node.tokens.completion > 0 && (
          <>
            {" "}
            · {formatCount(node.tokens.prompt)} tokens in, {formatCount(node.tokens.completion)} out
          </>
        )}
        {node.costUsd > 0 && <> · {formatUsd(node.costUsd)}</>}
      </p>
      {node.error && (
        <Part title="Error">
          <p className="rounded-md border border-red-200 bg-red-50 px-3 py-2 wrap-anywhere dark:border-red-500/30 dark:bg-red-500/10">
            {node.error.message} <code className="font-mono text-xs text-ink-2">{node.error.code}</code>
          </p>
        </Part>
      )}
      {hasOutput && (
        <Part title="Output">
          <ValueView value={node.output ?? null} label={`Latest output of ${shorten(name, 100)}`} />
        </Part>
      )}
      {node.attempts.length > 0 && (
        <Part title={node.attempts.length === 1 ? "Attempt" : `Attempts (${node.attempts.length})`}>
          <Attempts attempts={node.attempts} name={name} />
        </Part>
      )}
      {hasInput && <Input value={node.input ?? null} name={name} />}
      {!hasOutput && !hasInput && !node.error && node.attempts.length === 0 && (
        <p className="text-mute">Nothing has happened here yet.</p>
      )}
    </div>
  );
}

/** A rendered prompt reads better as text than as JSON. */
function Input({ value, name }: { value: Json; name: string }) {
  const texts = textsOf(value);
  if (texts === null) {
    return (
      <Part title="Input">
        <ValueView value={value} label={`Input of ${shorten(name, 100)}`} />
      </Part>
    );
  }
  return texts.map(([key, text]) => (
    <Part key={key} title={titleOf(key)}>
      <ValueView value={text} label={`${titleOf(key)} of ${shorten(name, 100)}`} />
    </Part>
  ));
}

function Part({ title, children }: { title: string; children: ReactNode }) {
  return (
    <div>
      <h3 className="mb-1.5 text-xs font-medium text-ink-2">{title}</h3>
      {children}
    </div>
  );
}
