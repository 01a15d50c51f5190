// A conditional's cases: in order, the first true one is taken. Renaming a case keeps its connection.
"use client";
import { ArrowUp, Plus, X } from "lucide-react";
import { Input } from "@/components/ui/field";
import { isObject } from "@/lib/builder/json";
import { setCases } from "@/lib/builder/ops";
import { useSession } from "../context";
import { Expression } from "./expression-field";
import type { ControlProps } from "./field-control";

interface Case {
  handle: string;
  when: string;
}

const SMALL =
  "inline-flex size-7 shrink-0 items-center justify-center rounded text-mute hover:bg-sunken hover:text-ink disabled:opacity-30";

export function CasesField({ node, value, last }: ControlProps) {
  const session = useSession();
  const cases: Case[] = (Array.isArray(value) ? value : []).map((entry) => ({
    handle: isObject(entry) && typeof entry.handle === "string" ? entry.handle : "",
    when: isObject(entry) && typeof entry.when === "string" ? entry.when : "",
  }));
  const otherwise = typeof node.config.else === "string" ? node.config.else : "else";

  function put(label: string, next: (Case & { was: string | null })[], last: string, merge?: string): void {
    session.editor.apply(
      label,
      (document) => setCases(document, node.id, next, { handle: last, was: otherwise }),
      merge === undefined ? {} : { merge: `${node.id} ${merge}` },
    );
  }
  const same = () => cases.map((one) => ({ ...one, was: one.handle }));
  const change = (index: number, part: Partial<Case>, merge: string) =>
    put(
      "Changed a case",
      same().map((one, at) => (at === index ? { ...one, ...part } : one)),
      otherwise,
      merge,
    );

  return (
    <div className="space-y-2.5">
      {cases.map((one, index) => (
        // biome-ignore lint/suspicious/noArrayIndexKey: the name of a case can change while it is typed
        <div key={index} className="space-y-1.5 rounded-md border p-2">
          <div className="flex items-center gap-1">
            <Input
              low
              aria-label={`Name of case ${index + 1}`}
              className="font-mono text-xs"
              value={one.handle}
              onChange={(event) => change(index, { handle: event.target.value }, `handle ${index}`)}
            />
            <button
              type="button"
              className={SMALL}
              disabled={index === 0}
              aria-label={`Case ${one.handle} earlier`}
              onClick={() => {
                const next = same();
                const [taken] = next.splice(index, 1);
                if (taken) next.splice(index - 1, 0, taken);
                put("Moved a case", next, otherwise);
              }}
            >
              <ArrowUp aria-hidden size={13} />
            </button>
            <button
              type="button"
              className={SMALL}
              disabled={cases.length === 1}
              aria-label={`Remove case ${one.handle}`}
              onClick={() =>
                put(
                  `Removed case ${one.handle}`,
                  same().filter((_, at) => at !== index),
                  otherwise,
                )
              }
            >
              <X aria-hidden size={13} />
            </button>
          </div>
          <Expression
            node={node.id}
            place="when"
            label={`Condition of case ${index + 1}`}
            text={one.when}
            language="condition"
            rows={1}
            placeholder="nodes.draft.output.text.contains('yes')"
            last={last}
            onChange={(when) => change(index, { when }, `when ${index}`)}
          />
        </div>
      ))}
      <button
        type="button"
        className="inline-flex items-center gap-1 text-xs text-accent hover:underline"
        onClick={() => {
          const names = new Set([...cases.map((one) => one.handle), otherwise]);
          let number = cases.length + 1;
          while (names.has(`case_${number}`)) number += 1;
          put("Added a case", [...same(), { handle: `case_${number}`, when: "", was: null }], otherwise);
        }}
      >
        <Plus aria-hidden size={12} />
        Add a case
      </button>
      <div className="space-y-1">
        <label htmlFor={`${node.id}-else`} className="text-xs font-medium text-ink-2">
          Otherwise
        </label>
        <Input
          id={`${node.id}-else`}
          low
          className="font-mono text-xs"
          value={otherwise}
          onChange={(event) => put("Changed the last way out", same(), event.target.value, "else")}
        />
      </div>
    </div>
  );
}
