// The difference between two texts, line by line: a sign and a word tell added from removed, the colour only helps.
"use client";
import { useMemo } from "react";
import { cx } from "@/components/ui/cx";
import { ScrollBox } from "@/components/ui/scroll-box";
import { plural } from "@/lib/format/text";
import { countChanges, diffLines, hunksOf, type Line } from "@/lib/scrapers/line-diff";

const LOOKS: Record<Line["kind"], { sign: string; word: string; tone: string }> = {
  same: { sign: " ", word: "", tone: "" },
  added: {
    sign: "+",
    word: "added: ",
    tone: "bg-green-50 text-green-900 dark:bg-green-500/15 dark:text-green-200",
  },
  removed: { sign: "−", word: "removed: ", tone: "bg-red-50 text-red-900 dark:bg-red-500/15 dark:text-red-200" },
};

export function LineDifference({ before, after, label }: { before: string; after: string; label: string }) {
  const lines = useMemo(() => diffLines(before, after), [before, after]);
  const shown = useMemo(() => hunksOf(lines), [lines]);
  const { added, removed } = countChanges(lines);
  if (added + removed === 0) return <p className="p-4 text-mute">They are the same.</p>;
  return (
    <>
      <p className="nums border-b px-4 py-2 text-xs text-mute">
        {plural(added, "line")} added, {plural(removed, "line")} removed
      </p>
      <ScrollBox label={label} className="relative max-h-[32rem] overflow-auto focus-visible:-outline-offset-2">
        <ol className="min-w-max py-1 font-mono text-xs leading-5" dir="ltr">
          {shown.map((line, index) =>
            line.kind === "gap" ? (
              // biome-ignore lint/suspicious/noArrayIndexKey: the list is made anew as a whole
              <li key={index} className="bg-sunken px-4 py-0.5 font-sans text-mute">
                {plural(line.lines, "line")} as before
              </li>
            ) : (
              // biome-ignore lint/suspicious/noArrayIndexKey: the list is made anew as a whole
              <li key={index} data-change={line.kind} className={cx("flex whitespace-pre", LOOKS[line.kind].tone)}>
                <span aria-hidden className="nums w-10 shrink-0 pr-2 text-right opacity-75 select-none">
                  {line.before ?? ""}
                </span>
                <span aria-hidden className="nums w-10 shrink-0 pr-2 text-right opacity-75 select-none">
                  {line.after ?? ""}
                </span>
                <span aria-hidden className="w-4 shrink-0 select-none">
                  {LOOKS[line.kind].sign}
                </span>
                <span className="pr-4">
                  {LOOKS[line.kind].word !== "" && <span className="sr-only">{LOOKS[line.kind].word}</span>}
                  {line.text === "" ? "\u00a0" : line.text}
                </span>
              </li>
            ),
          )}
        </ol>
      </ScrollBox>
    </>
  );
}
