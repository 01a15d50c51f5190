// Each try at making the scraper: who wrote it, what was wrong with it, what it changed, what it cost.
"use client";
import { useMemo, useState } from "react";
import { Button } from "@/components/ui/button";
import { Card } from "@/components/ui/card";
import { Dialog, DialogBody } from "@/components/ui/dialog";
import { Prose } from "@/components/ui/prose";
import { Shorten } from "@/components/ui/shorten";
import { ShapeIcon } from "@/components/ui/status";
import type { Job } from "@/lib/api/scraper-types";
import { formatUsd } from "@/lib/format/money";
import { plural } from "@/lib/format/text";
import { type AttemptView, readAttempts, sourceWords } from "@/lib/scrapers/read";
import { PythonCode } from "./code";
import { LineDifference } from "./line-difference";
import { Requests } from "./requests";

export function AttemptsCard({ job }: { job: Job }) {
  const attempts = useMemo(() => readAttempts(job.attempts), [job.attempts]);
  const [open, setOpen] = useState<number | null>(null);
  if (attempts.length === 0) return null;
  const shown = open === null ? undefined : attempts[open];
  return (
    <Card title="Attempts" flush note={job.cost_usd > 0 ? `${formatUsd(job.cost_usd)} in all` : "free of cost"}>
      <ol aria-label="Attempts" className="divide-y">
        {attempts.map((attempt, index) => (
          // biome-ignore lint/suspicious/noArrayIndexKey: their numbers may begin anew
          <li key={index} className="flex items-start gap-2.5 px-4 py-2.5">
            <Mark attempt={attempt} />
            <div className="min-w-0 flex-1 text-sm">
              <p className="nums">
                <span className="font-medium">Attempt {attempt.number}</span>
                <span className="text-mute">
                  {attempt.source === null ? "" : ` · ${sourceWords(attempt.source)}`}
                  {attempt.version === null ? "" : ` · version ${attempt.version}`}
                  {attempt.records === null ? "" : ` · ${plural(attempt.records, "record")}`}
                  {attempt.costUsd !== null && attempt.costUsd > 0 ? ` · ${formatUsd(attempt.costUsd)}` : ""}
                </span>
              </p>
              {attempt.feedback !== null && (
                <p className="mt-0.5 text-xs text-mute wrap-anywhere">
                  Asked: <Shorten text={attempt.feedback} most={300} />
                </p>
              )}
              {attempt.says !== null && (
                <p className={`mt-0.5 text-xs wrap-anywhere ${attempt.ok === false ? "text-danger" : "text-ink-2"}`}>
                  <Prose text={attempt.says} />
                </p>
              )}
            </div>
            {(attempt.code !== null || attempt.requests.length > 0) && (
              <Button
                size="sm"
                variant="ghost"
                aria-label={`Details of attempt ${attempt.number}`}
                onClick={() => setOpen(index)}
              >
                Details
              </Button>
            )}
          </li>
        ))}
      </ol>
      {job.feedback && (
        <div className="border-t px-4 py-2.5 text-xs">
          <p className="text-mute">Asked for besides the description:</p>
          <p className="mt-0.5 whitespace-pre-wrap text-ink-2 wrap-anywhere">
            <bdi>{job.feedback.slice(0, 1_000)}</bdi>
          </p>
        </div>
      )}
      {shown !== undefined && open !== null && (
        <Details attempt={shown} before={beforeOf(attempts, open)} onClose={() => setOpen(null)} />
      )}
    </Card>
  );
}

/** The code that a try went on from: that of the latest try before it that has any. */
function beforeOf(attempts: readonly AttemptView[], index: number): string | null {
  return attempts.slice(0, index).findLast((attempt) => attempt.code !== null)?.code ?? null;
}

function Mark({ attempt }: { attempt: AttemptView }) {
  const tone = attempt.ok === false ? "text-danger" : attempt.ok ? "text-green-800 dark:text-green-300" : "text-mute";
  return (
    <span className={`mt-0.5 shrink-0 ${tone}`}>
      <ShapeIcon shape={attempt.ok === false ? "octagon" : attempt.ok ? "check" : "hollow"} size={14} />
      <span className="sr-only">{attempt.ok === false ? "Failed: " : attempt.ok ? "Worked: " : ""}</span>
    </span>
  );
}

function Details({ attempt, before, onClose }: { attempt: AttemptView; before: string | null; onClose: () => void }) {
  return (
    <Dialog open onOpenChange={(open) => !open && onClose()} wide title={`Attempt ${attempt.number}`}>
      <DialogBody>
        {attempt.says !== null && (
          <p className={attempt.ok === false ? "text-danger wrap-anywhere" : "wrap-anywhere"}>
            <Prose text={attempt.says} />
          </p>
        )}
        {attempt.suggestion !== null && (
          <p className="text-ink-2">
            <Prose text={attempt.suggestion} />
          </p>
        )}
        {attempt.code !== null && (
          <section aria-label="Code of the attempt">
            <h3 className="mb-1.5 text-xs font-medium text-ink-2">
              {before === null ? "Its code" : "What it changed in the code before"}
            </h3>
            <div className="overflow-hidden rounded-md border">
              {before === null ? (
                <PythonCode code={attempt.code} label="Its code" />
              ) : (
                <LineDifference before={before} after={attempt.code} label="What it changed" />
              )}
            </div>
          </section>
        )}
        {attempt.requests.length > 0 && (
          <section aria-label="Requests of the attempt">
            <h3 className="mb-1.5 text-xs font-medium text-ink-2">Requests</h3>
            <Requests requests={attempt.requests} label="Requests" />
          </section>
        )}
      </DialogBody>
    </Dialog>
  );
}
