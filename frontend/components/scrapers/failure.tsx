// Why a scraper could not be made, and what to do next.
"use client";
import { Pencil, RefreshCw } from "lucide-react";
import { Button, LinkButton } from "@/components/ui/button";
import { Card } from "@/components/ui/card";
import { Prose } from "@/components/ui/prose";
import type { Job } from "@/lib/api/scraper-types";
import { routes } from "@/lib/routes";
import { failureOf } from "@/lib/scrapers/states";
import { Steps } from "./progress";

export function Failure({ job, busy, onRetry }: { job: Job; busy: boolean; onRetry: () => void }) {
  const failure = failureOf(job);
  return (
    <Card
      title={failure.title}
      note={failure.code === "" ? undefined : <code className="font-mono">{failure.code.slice(0, 80)}</code>}
    >
      <Steps job={job} />
      <div className="mt-4 rounded-md border border-red-200 bg-red-50 px-3.5 py-3 dark:border-red-500/30 dark:bg-red-500/10">
        <p className="wrap-anywhere">
          <Prose text={failure.message} />
        </p>
        <p className="mt-1.5 wrap-anywhere text-ink-2">
          <span className="font-medium">What to do: </span>
          <Prose text={failure.suggestion} />
        </p>
      </div>
      <div className="mt-4 flex flex-wrap gap-2">
        <Button variant="primary" icon={<RefreshCw aria-hidden size={14} />} disabled={busy} onClick={onRetry}>
          {busy ? "Starting…" : "Try again"}
        </Button>
        <LinkButton href={routes.newScraper(job.id)} icon={<Pencil aria-hidden size={14} />}>
          Change address or description
        </LinkButton>
      </div>
    </Card>
  );
}
