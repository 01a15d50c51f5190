// The difference between two documents, for reading: what was added, changed, removed, with both values.
"use client";
import { Minus, Pencil, Plus } from "lucide-react";
import { cx } from "@/components/ui/cx";
import { Shorten } from "@/components/ui/shorten";
import type { Json } from "@/lib/api/types";
import type { Change } from "@/lib/builder/diff";

const LOOKS = {
  added: { Icon: Plus, word: "Added", tone: "text-green-800 dark:text-green-300" },
  removed: { Icon: Minus, word: "Removed", tone: "text-red-800 dark:text-red-300" },
  changed: { Icon: Pencil, word: "Changed", tone: "text-amber-900 dark:text-amber-300" },
};

const SHOWN = 200;

function textOf(value: Json | undefined): string {
  if (value === undefined) return "not set";
  return typeof value === "string" ? value : JSON.stringify(value, null, 1);
}

export function Difference({ changes, before, after }: { changes: readonly Change[]; before: string; after: string }) {
  if (changes.length === 0) return <p className="text-mute">They are the same.</p>;
  return (
    <>
      <ul aria-label="Differences" className="space-y-3">
        {changes.slice(0, SHOWN).map((change, index) => {
          const { Icon, word, tone } = LOOKS[change.kind];
          return (
            // biome-ignore lint/suspicious/noArrayIndexKey: the list is made anew as a whole
            <li key={index}>
              <p className={cx("flex items-center gap-2 font-medium", tone)}>
                <Icon aria-hidden size={13} />
                <span className="sr-only">{word}: </span>
                <span className="min-w-0 truncate">
                  <Shorten text={change.what} most={140} />
                </span>
              </p>
              {change.fields.map((field) => (
                <div key={field.field} className="mt-1.5 ml-5 space-y-1">
                  <p className="text-xs text-mute">{field.field}</p>
                  <div className="grid gap-1.5 sm:grid-cols-2">
                    <Value label={before} value={field.before} tone="border-red-200 dark:border-red-500/30" />
                    <Value label={after} value={field.after} tone="border-green-300 dark:border-green-500/30" />
                  </div>
                </div>
              ))}
            </li>
          );
        })}
      </ul>
      {changes.length > SHOWN && <p className="text-mute">and {changes.length - SHOWN} more</p>}
    </>
  );
}

function Value({ label, value, tone }: { label: string; value: Json | undefined; tone: string }) {
  return (
    <div className={cx("min-w-0 rounded-md border bg-sunken px-2.5 py-1.5", tone)}>
      <p className="text-xs text-mute">{label}</p>
      <p
        className={cx(
          "line-clamp-6 text-xs wrap-anywhere whitespace-pre-wrap",
          value === undefined && "text-mute italic",
        )}
      >
        <bdi>{textOf(value).slice(0, 1_500)}</bdi>
      </p>
    </div>
  );
}
