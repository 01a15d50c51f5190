// Tabs: arrow keys choose, Tab goes on to what is chosen.
"use client";
import { type KeyboardEvent, type ReactNode, useId } from "react";
import { cx } from "./cx";

export interface Tab<K extends string> {
  key: K;
  label: ReactNode;
}

export interface TabsProps<K extends string> {
  label: string;
  tabs: readonly Tab<K>[];
  value: K | null;
  onChange: (key: K) => void;
  children: ReactNode;
  after?: ReactNode;
  className?: string;
  panelClassName?: string;
}

export function Tabs<K extends string>({
  label,
  tabs,
  value,
  onChange,
  children,
  after,
  className,
  panelClassName,
}: TabsProps<K>) {
  const id = useId();

  function key(event: KeyboardEvent) {
    const at = tabs.findIndex((tab) => tab.key === value);
    const step = event.key === "ArrowRight" ? 1 : event.key === "ArrowLeft" ? -1 : 0;
    const next =
      event.key === "Home"
        ? tabs[0]
        : event.key === "End"
          ? tabs.at(-1)
          : step === 0
            ? undefined
            : tabs[(at + step + tabs.length) % tabs.length];
    if (!next) return;
    event.preventDefault();
    onChange(next.key);
    document.getElementById(`${id}-${next.key}`)?.focus();
  }

  return (
    <div className={cx("flex min-h-0 flex-col", className)}>
      <div className="flex h-10 shrink-0 items-center border-b pr-1.5 pl-2">
        <div
          role="tablist"
          aria-label={label}
          className="flex h-full min-w-0 items-stretch gap-1"
          onKeyDown={key}
          tabIndex={-1}
        >
          {tabs.map((tab, index) => {
            const here = tab.key === value;
            return (
              <button
                key={tab.key}
                id={`${id}-${tab.key}`}
                type="button"
                role="tab"
                aria-selected={here}
                aria-controls={here ? `${id}-panel` : undefined}
                tabIndex={here || (value === null && index === 0) ? 0 : -1}
                onClick={() => onChange(tab.key)}
                className={cx(
                  "-mb-px inline-flex items-center gap-1.5 border-b-2 px-2 text-xs font-medium whitespace-nowrap transition-colors",
                  here ? "border-accent text-ink" : "border-transparent text-mute hover:text-ink",
                )}
              >
                {tab.label}
              </button>
            );
          })}
        </div>
        {after && <div className="ml-auto flex items-center gap-1">{after}</div>}
      </div>
      {value !== null && (
        <div
          id={`${id}-panel`}
          role="tabpanel"
          aria-labelledby={`${id}-${value}`}
          className={cx("min-h-0 flex-1", panelClassName ?? "overflow-y-auto")}
          // biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls must be reachable with keys
          tabIndex={0}
        >
          {children}
        </div>
      )}
    </div>
  );
}
