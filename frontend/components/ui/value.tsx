// A JSON value for reading: plain text as text, everything else as indented JSON, with a copy button.
"use client";
import type { Json } from "@/lib/api/types";
import { prettyJson, textOf } from "@/lib/format/text";
import { CopyButton } from "./copy";
import { cx } from "./cx";
import { ScrollBox } from "./scroll-box";

/** More than this nobody reads, and browsers take long to lay out. */
const SHOWN = 100_000;

export function ValueView({ value, label, tall = false }: { value: Json; label: string; tall?: boolean }) {
  const text = textOf(value);
  const shown = text ?? prettyJson(value);
  return (
    <div className="group relative">
      <ScrollBox
        label={label}
        className={cx(
          "overflow-auto rounded-md border bg-sunken py-2.5 pr-10 pl-3 whitespace-pre-wrap wrap-anywhere",
          tall ? "max-h-[32rem]" : "max-h-72",
          text === null ? "font-mono text-xs" : "text-sm",
        )}
      >
        {shown === "" ? <span className="text-mute">(empty)</span> : <bdi>{shown.slice(0, SHOWN)}</bdi>}
        {shown.length > SHOWN && (
          <span className="mt-2 block font-sans text-xs text-mute">
            and {(shown.length - SHOWN).toLocaleString("en-US")} more characters; copying takes all of them
          </span>
        )}
      </ScrollBox>
      <CopyButton text={shown} label={`Copy ${label.toLowerCase()}`} className="absolute top-1.5 right-1.5 bg-sunken" />
    </div>
  );
}
