// What a page says when there is nothing to show, or when something went wrong: what happened, what to do, the request id.
"use client";
import { AlertTriangle, RefreshCw } from "lucide-react";
import type { ReactNode } from "react";
import { describeError } from "@/lib/api/errors";
import { Button } from "./button";
import { CopyButton } from "./copy";

export function EmptyState({ icon, title, children }: { icon?: ReactNode; title: string; children?: ReactNode }) {
  return (
    <div className="flex flex-col items-center gap-2 px-6 py-10 text-center">
      {icon && (
        <div className="mb-1 flex size-10 items-center justify-center rounded-full bg-sunken text-mute">{icon}</div>
      )}
      <p className="font-medium">{title}</p>
      {children && <div className="max-w-md text-sm text-mute">{children}</div>}
    </div>
  );
}

/** An error in the place of what should be there. */
export function ErrorState({ error, onRetry }: { error: unknown; onRetry?: () => void }) {
  const view = describeError(error);
  return (
    <div role="alert" className="flex flex-col items-center gap-2 px-6 py-10 text-center">
      <div className="mb-1 flex size-10 items-center justify-center rounded-full bg-red-50 text-danger dark:bg-red-500/10">
        <AlertTriangle aria-hidden size={18} />
      </div>
      <p className="font-medium">{view.title}</p>
      <p className="max-w-lg text-sm wrap-anywhere text-ink-2">{view.message}</p>
      {view.suggestion && <p className="max-w-lg text-sm text-mute">{view.suggestion}</p>}
      {view.requestId && <RequestId id={view.requestId} />}
      {onRetry && (
        <Button size="sm" className="mt-2" icon={<RefreshCw aria-hidden size={14} />} onClick={onRetry}>
          Try again
        </Button>
      )}
    </div>
  );
}

/** An error beside what is still there: in a form, over a list that may be out of date. */
export function ErrorNote({ error, onRetry }: { error: unknown; onRetry?: () => void }) {
  const view = describeError(error);
  return (
    <div
      role="alert"
      className="flex flex-wrap items-start gap-x-3 gap-y-2 rounded-md border border-red-200 bg-red-50 px-3 py-2 text-sm dark:border-red-500/30 dark:bg-red-500/10"
    >
      <AlertTriangle aria-hidden size={16} className="mt-0.5 shrink-0 text-danger" />
      <div className="min-w-0 flex-1 space-y-0.5">
        <p className="wrap-anywhere">{view.message}</p>
        {view.details.length > 0 && (
          <ul className="list-disc pl-4 text-xs text-ink-2">
            {view.details.map((detail) => (
              <li key={`${detail.path} ${detail.message}`}>
                {detail.path && <code className="font-mono">{detail.path}</code>} {detail.message}
              </li>
            ))}
          </ul>
        )}
        {view.suggestion && <p className="text-ink-2">{view.suggestion}</p>}
        {view.requestId && <RequestId id={view.requestId} />}
      </div>
      {onRetry && (
        <Button size="sm" onClick={onRetry}>
          Try again
        </Button>
      )}
    </div>
  );
}

function RequestId({ id }: { id: string }) {
  return (
    <p className="flex items-center gap-1 text-xs text-mute">
      Request <code className="font-mono break-all">{id}</code>
      <CopyButton text={id} label="Copy the request id" />
    </p>
  );
}
