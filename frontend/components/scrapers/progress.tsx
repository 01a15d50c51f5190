// A scraper in the making: five steps, what is happening in the server's words, the connection if it is gone.
"use client";
import { Check, Circle, LoaderCircle, OctagonX } from "lucide-react";
import { LiveBar } from "@/components/run/live-bar";
import { Card } from "@/components/ui/card";
import { cx } from "@/components/ui/cx";
import { Shorten } from "@/components/ui/shorten";
import { useNow } from "@/hooks/use-now";
import { useObservable } from "@/hooks/use-observable";
import { reachability } from "@/lib/api/reachability";
import type { Job } from "@/lib/api/scraper-types";
import { formatDuration } from "@/lib/format/time";
import type { Connection } from "@/lib/live/socket";
import { isSettled, type Step, stepsOf } from "@/lib/scrapers/states";

const WORDS: Record<Step["state"], string> = {
  done: "done",
  current: "under way",
  failed: "failed here",
  open: "not yet",
};

function StepIcon({ state }: { state: Step["state"] }) {
  const Icon = state === "done" ? Check : state === "failed" ? OctagonX : state === "current" ? LoaderCircle : Circle;
  return (
    <span
      className={cx(
        "flex size-7 shrink-0 items-center justify-center rounded-full border",
        state === "done" &&
          "border-green-600 bg-green-50 text-green-800 dark:border-green-500/50 dark:bg-green-500/10 dark:text-green-300",
        state === "current" && "border-accent bg-accent-soft text-accent",
        state === "failed" && "border-danger bg-red-50 text-danger dark:bg-red-500/10",
        state === "open" && "border-line-strong bg-surface text-mute",
      )}
    >
      <Icon aria-hidden size={14} strokeWidth={2.25} className={state === "current" ? "spin-slow" : ""} />
    </span>
  );
}

/** The five steps; beside each other where there is room. */
export function Steps({ job }: { job: Job }) {
  return (
    <ol aria-label="Steps" className="grid gap-3 md:grid-cols-5 md:gap-2">
      {stepsOf(job).map((step) => (
        <li
          key={step.key}
          data-step={step.key}
          data-state={step.state}
          aria-current={step.state === "current" ? "step" : undefined}
          className="flex gap-2.5 md:flex-col md:gap-2"
        >
          <span className="flex items-center gap-2 md:w-full">
            <StepIcon state={step.state} />
            <span
              aria-hidden
              className={cx("hidden h-px flex-1 md:block", step.state === "done" ? "bg-green-600/60" : "bg-line")}
            />
          </span>
          <span className="min-w-0">
            <span className={cx("block text-sm leading-5 font-medium", step.state === "open" && "text-mute")}>
              {step.title}
              <span className="sr-only">: {WORDS[step.state]}</span>
            </span>
            <span className="block text-xs leading-4 text-mute">{step.does}</span>
          </span>
        </li>
      ))}
    </ol>
  );
}

export interface ProgressProps {
  job: Job;
  connection: Connection;
  heardAt: number | null;
  onRetry: () => void;
}

export function Progress({ job, connection, heardAt, onRetry }: ProgressProps) {
  const now = useNow();
  const { lost } = useObservable(reachability);
  const since = Date.parse(job.updated_at);
  const waited = now - since;
  return (
    <>
      {/* when the whole server is away, the bar on top of every page says so */}
      {!lost && <LiveBar connection={connection} heardAt={heardAt} onRetry={onRetry} />}
      <Card
        title={job.code_version === null ? "Being made" : "A new version is being made"}
        note={job.code_version === null ? undefined : "the endpoint answers with the version before meanwhile"}
      >
        <Steps job={job} />
        <div className="mt-4 border-t pt-3">
          <div
            role="progressbar"
            aria-label="Progress"
            aria-valuenow={job.progress}
            aria-valuemin={0}
            aria-valuemax={100}
            className="h-1.5 overflow-hidden rounded-full bg-line"
          >
            <div
              className="h-full rounded-full bg-accent transition-transform duration-200"
              style={{ transform: `translateX(${job.progress - 100}%)` }}
            />
          </div>
          <p className="nums mt-2 flex flex-wrap gap-x-2 text-sm">
            <span className="min-w-0 wrap-anywhere">
              <Shorten text={job.message} most={400} />
            </span>
            {!isSettled(job.status) && waited >= 5_000 && (
              <span aria-hidden className="text-mute">
                {formatDuration(waited)}
              </span>
            )}
          </p>
        </div>
      </Card>
    </>
  );
}
