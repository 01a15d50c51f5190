// Keys as they are written on this machine's keyboard.
"use client";
import { Fragment } from "react";

export function isMac(): boolean {
  return typeof navigator !== "undefined" && /mac|iphone|ipad/i.test(navigator.platform);
}

const MAC: Record<string, string> = { Mod: "⌘", Alt: "⌥", Shift: "⇧" };
const OTHER: Record<string, string> = { Mod: "Ctrl" };

/** `Mod+Shift+Z` as keys. */
export function Keys({ of }: { of: string }) {
  const names = isMac() ? MAC : OTHER;
  return (
    <span className="inline-flex items-center gap-0.5">
      {of.split("+").map((key, index) => (
        <Fragment key={key}>
          {index > 0 && <span className="sr-only">+</span>}
          <kbd className="inline-flex h-5 min-w-5 items-center justify-center rounded border border-line-strong bg-sunken px-1 font-sans text-xs text-ink-2">
            {names[key] ?? key}
          </kbd>
        </Fragment>
      ))}
    </span>
  );
}
