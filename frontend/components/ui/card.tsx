// Panels, page heads and figures.
import type { ReactNode } from "react";
import { cx } from "./cx";

export interface CardProps {
  title?: ReactNode;
  level?: 2 | 3;
  actions?: ReactNode;
  /** Small print beside the title. */
  note?: ReactNode;
  children: ReactNode;
  className?: string;
  flush?: boolean;
}

export function Card({ title, level = 2, actions, note, children, className, flush = false }: CardProps) {
  const Heading = level === 2 ? "h2" : "h3";
  return (
    <section className={cx("min-w-0 rounded-lg border bg-surface shadow-card", className)}>
      {title !== undefined && (
        <header className="flex min-h-12 flex-wrap items-center gap-x-3 gap-y-2 border-b px-4 py-2">
          <Heading className="text-sm font-semibold">{title}</Heading>
          {note && <span className="text-xs leading-5 text-mute">{note}</span>}
          {actions && <div className="ml-auto flex flex-wrap items-center gap-2">{actions}</div>}
        </header>
      )}
      <div className={flush ? "" : "p-4"}>{children}</div>
    </section>
  );
}

export interface PageHeadProps {
  title: ReactNode;
  above?: ReactNode;
  below?: ReactNode;
  actions?: ReactNode;
}

export function PageHead({ title, above, below, actions }: PageHeadProps) {
  return (
    <div className="mb-5 flex flex-wrap items-end gap-x-4 gap-y-3">
      <div className="min-w-0 flex-1 basis-64">
        {above && <div className="mb-1 text-xs text-mute">{above}</div>}
        <h1 className="text-lg font-semibold tracking-tight wrap-anywhere">{title}</h1>
        {below && <div className="mt-1 text-sm text-mute">{below}</div>}
      </div>
      {actions && <div className="flex flex-wrap items-center gap-2">{actions}</div>}
    </div>
  );
}
