// How the endpoint has been doing: the server's judgement, the latest runs, a run right now.
"use client";
import { FlaskConical } from "lucide-react";
import { useState } from "react";
import { Button } from "@/components/ui/button";
import { Card } from "@/components/ui/card";
import { cx } from "@/components/ui/cx";
import { Prose } from "@/components/ui/prose";
import { SkeletonRows } from "@/components/ui/skeleton";
import { ErrorNote } from "@/components/ui/states";
import { ShapeIcon } from "@/components/ui/status";
import { useHealth } from "@/hooks/scrapers";
import { useNow } from "@/hooks/use-now";
import type { Health, Job, ScraperRun, TestResult } from "@/lib/api/scraper-types";
import { scrapers } from "@/lib/api/scrapers";
import { plural } from "@/lib/format/text";
import { formatAgo, formatDuration, formatMoment } from "@/lib/format/time";
import { runWords, triggerWords } from "@/lib/scrapers/health";
import { fieldOrder } from "@/lib/scrapers/read";
import { tableOf } from "@/lib/scrapers/records";
import { HealthBadge } from "./badges";
import { Records } from "./records";

const SHOWN = 6;

export function HealthCard({ job, onRan }: { job: Job; onRan: () => void }) {
  const query = useHealth(job.id);
  const [busy, setBusy] = useState(false);
  const [result, setResult] = useState<TestResult | null>(null);
  const [error, setError] = useState<unknown>(null);

  async function test() {
    setBusy(true);
    setError(null);
    try {
      setResult(await scrapers.test(job.id));
    } catch (caught) {
      setError(caught);
      setResult(null);
    } finally {
      setBusy(false);
      onRan();
    }
  }

  return (
    <Card
      title="Health"
      flush
      actions={
        <Button size="sm" disabled={busy} icon={<FlaskConical aria-hidden size={13} />} onClick={() => void test()}>
          {busy ? "Testing…" : "Test now"}
        </Button>
      }
    >
      <div role="status">{result !== null && !busy && <Result result={result} order={fieldOrder(job.analysis)} />}</div>
      {error !== null && (
        <div className="border-b p-3">
          <ErrorNote error={error} onRetry={() => void test()} />
        </div>
      )}
      {query.isPending ? (
        <SkeletonRows rows={2} />
      ) : query.data ? (
        <Body health={query.data} />
      ) : (
        <div className="p-3">
          <ErrorNote error={query.error} onRetry={() => query.refetch()} />
        </div>
      )}
    </Card>
  );
}

function Result({ result, order }: { result: TestResult; order: readonly string[] }) {
  const count = tableOf(result.data).rows.length;
  return (
    <section aria-label="Result of the test" className="border-b">
      <p
        className={cx(
          "nums flex items-center gap-2 px-4 py-2.5 font-medium",
          result.ok ? "text-green-800 dark:text-green-300" : "text-danger",
        )}
      >
        <ShapeIcon shape={result.ok ? "check" : "octagon"} size={14} />
        {result.ok ? `It works: ${plural(count, "record")}` : "It does not work"} · {formatDuration(result.duration_ms)}
      </p>
      {!result.ok && result.error && (
        <div className="space-y-1 px-4 pb-3 text-sm">
          <p className="wrap-anywhere whitespace-pre-wrap">
            <Prose text={result.error.message} />
          </p>
          {result.error.suggestion && (
            <p className="text-ink-2">
              <Prose text={result.error.suggestion} />
            </p>
          )}
        </div>
      )}
      {result.ok && count > 0 && <Records data={result.data} label="Records of the test" order={order} />}
    </section>
  );
}

function Body({ health }: { health: Health }) {
  const now = useNow();
  const [all, setAll] = useState(false);
  const runs = all ? health.runs : health.runs.slice(0, SHOWN);
  return (
    <>
      <div className="space-y-1.5 px-4 py-3">
        <p className="nums flex flex-wrap items-center gap-x-3 gap-y-1">
          <HealthBadge status={health.status} />
          {health.last_ok_at && (
            <span className="text-xs text-mute" title={formatMoment(health.last_ok_at)}>
              last worked {formatAgo(health.last_ok_at, now)}
            </span>
          )}
        </p>
        {health.message !== "" && (
          <p className="text-ink-2">
            <Prose text={health.message} />
          </p>
        )}
        {health.drift.length > 0 && (
          <ul aria-label="What has changed" className="list-disc space-y-0.5 pl-5 text-amber-900 dark:text-amber-300">
            {health.drift.slice(0, 10).map((one) => (
              <li key={one}>
                <Prose text={one} />
              </li>
            ))}
          </ul>
        )}
      </div>
      {runs.length === 0 ? (
        <p className="border-t px-4 py-3 text-mute">It has not run yet.</p>
      ) : (
        <ul aria-label="Latest runs" className="divide-y border-t">
          {runs.map((run) => (
            <Run key={`${run.at} ${run.trigger}`} run={run} now={now} />
          ))}
        </ul>
      )}
      {health.runs.length > SHOWN && (
        <div className="border-t p-2 text-center">
          <Button size="sm" variant="ghost" onClick={() => setAll(!all)}>
            {all ? "Show fewer" : `Show all ${health.runs.length}`}
          </Button>
        </div>
      )}
    </>
  );
}

function Run({ run, now }: { run: ScraperRun; now: number }) {
  return (
    <li className="nums flex gap-2.5 px-4 py-2 text-xs">
      <span className={cx("mt-0.5 shrink-0", run.ok ? "text-green-800 dark:text-green-300" : "text-danger")}>
        <ShapeIcon shape={run.ok ? "check" : "octagon"} size={13} />
        <span className="sr-only">{run.ok ? "Worked: " : "Failed: "}</span>
      </span>
      <span className="min-w-0 flex-1">
        <span className={cx("line-clamp-3 wrap-anywhere", !run.ok && "text-danger")}>
          <Prose text={runWords(run)} />
        </span>
        {run.drift?.slice(0, 3).map((one) => (
          <span key={one} className="block text-amber-900 dark:text-amber-300">
            <Prose text={one} />
          </span>
        ))}
        <span className="text-mute">
          by {triggerWords(run.trigger)}
          {run.duration_ms === null ? "" : ` · ${formatDuration(run.duration_ms)}`}
          {run.code_version === null ? "" : ` · v${run.code_version}`}
        </span>
      </span>
      <time dateTime={run.at} title={formatMoment(run.at)} className="shrink-0 text-mute">
        {formatAgo(run.at, now)}
      </time>
    </li>
  );
}
