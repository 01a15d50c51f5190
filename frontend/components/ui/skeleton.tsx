// Grey shapes while something loads: a page never jumps from empty to full.
import { cx } from "./cx";

export function Skeleton({ className }: { className?: string }) {
  return <div aria-hidden className={cx("breathing rounded bg-line", className)} />;
}

const WIDTHS = ["w-2/5", "w-3/5", "w-1/2", "w-1/3"];

export function SkeletonRows({ rows = 4 }: { rows?: number }) {
  return (
    <div role="status" className="divide-y">
      <span className="sr-only">Loading…</span>
      {Array.from({ length: rows }, (_, index) => (
        // biome-ignore lint/suspicious/noArrayIndexKey: the rows are all alike and never move
        <div key={index} className="flex h-13 items-center gap-4 px-4">
          <Skeleton className="size-4 rounded-full" />
          <div className="flex-1">
            <Skeleton className={cx("h-3.5", WIDTHS[index % WIDTHS.length])} />
          </div>
          <Skeleton className="h-3.5 w-16" />
        </div>
      ))}
    </div>
  );
}

export function SkeletonPage() {
  return (
    <div role="status" className="space-y-4">
      <span className="sr-only">Loading…</span>
      <Skeleton className="h-6 w-56" />
      <Skeleton className="h-24 w-full" />
      <Skeleton className="h-64 w-full" />
    </div>
  );
}

export function SkeletonBuilder() {
  return (
    <div role="status" className="flex h-full flex-col">
      <span className="sr-only">Loading…</span>
      <div className="flex h-13 items-center gap-3 border-b bg-surface px-4">
        <Skeleton className="h-4 w-44" />
        <Skeleton className="ml-auto h-8 w-64" />
      </div>
      <div className="flex min-h-0 flex-1">
        <div className="w-60 border-r bg-surface" />
        <div className="flex flex-1 items-center justify-center gap-16">
          <Skeleton className="h-22 w-52" />
          <Skeleton className="h-22 w-52" />
        </div>
        <div className="w-88 border-l bg-surface" />
      </div>
    </div>
  );
}
