// One scraper: live while it is made, then its endpoint, health, code, analysis; or why it failed and what to do.
"use client";
import { useQueryClient } from "@tanstack/react-query";
import { RefreshCw, Trash2, Workflow } from "lucide-react";
import Link from "next/link";
import { usePathname, useRouter } from "next/navigation";
import { useEffect, useState } from "react";
import { AnalysisCard } from "@/components/scrapers/analysis";
import { AttemptsCard } from "@/components/scrapers/attempts";
import { JobBadge } from "@/components/scrapers/badges";
import { CodeCard } from "@/components/scrapers/code";
import { DeleteScraper } from "@/components/scrapers/delete";
import { EndpointCard } from "@/components/scrapers/endpoint";
import { Failure } from "@/components/scrapers/failure";
import { HealthCard } from "@/components/scrapers/health";
import { Progress } from "@/components/scrapers/progress";
import { Records } from "@/components/scrapers/records";
import { RegenerateDialog } from "@/components/scrapers/regenerate";
import { ScheduleCard } from "@/components/scrapers/schedule";
import { Button } from "@/components/ui/button";
import { Card, PageHead } from "@/components/ui/card";
import { Shorten, shorten } from "@/components/ui/shorten";
import { SkeletonPage } from "@/components/ui/skeleton";
import { ErrorNote, ErrorState } from "@/components/ui/states";
import { keys } from "@/hooks/queries";
import { scraperKeys } from "@/hooks/scrapers";
import { useJob } from "@/hooks/use-job";
import { useTitle } from "@/hooks/use-title";
import { api } from "@/lib/api/client";
import { describeError, isNotFound, isTransient } from "@/lib/api/errors";
import type { Job } from "@/lib/api/scraper-types";
import { scrapers } from "@/lib/api/scrapers";
import { formatUsd } from "@/lib/format/money";
import { formatMoment } from "@/lib/format/time";
import { idsOf, routes } from "@/lib/routes";
import { fieldOrder } from "@/lib/scrapers/read";
import { linkOf, tableOf } from "@/lib/scrapers/records";
import { announce, isSettled, jobLook } from "@/lib/scrapers/states";
import { workflowFor } from "@/lib/scrapers/workflow";
import { toast } from "@/lib/toasts";
import { NotFound } from "./not-found";

export function ScraperPage() {
  const id = idsOf(usePathname()).scraper ?? "_";
  const live = useJob(id);
  const { data: job, error, isPending, isError, refetch } = live.query;
  useTitle(
    job ? `${isSettled(job.status) ? "" : `${jobLook(job.status).word}: `}${shorten(job.description, 80)}` : null,
  );
  if (isPending) return <SkeletonPage />;
  if (!job) {
    return isNotFound(error) ? (
      <NotFound what="scraper" />
    ) : (
      <Card flush>
        <ErrorState error={error} onRetry={() => refetch()} />
      </Card>
    );
  }
  if (isError && isNotFound(error)) return <NotFound what="scraper" detail="It was deleted." />;
  return (
    <>
      {isError && !isTransient(error) && (
        <div className="mb-4">
          <ErrorNote error={error} onRetry={() => refetch()} />
        </div>
      )}
      <Loaded key={job.id} job={job} live={live} />
    </>
  );
}

function Loaded({ job, live }: { job: Job; live: ReturnType<typeof useJob> }) {
  const client = useQueryClient();
  const router = useRouter();
  const [regenerating, setRegenerating] = useState(false);
  const [deleting, setDeleting] = useState(false);
  const [retrying, setRetrying] = useState(false);
  const [using, setUsing] = useState(false);
  const underWay = !isSettled(job.status);
  // a version that works stays in use whatever becomes of the next one
  const works = job.code_version !== null || job.status === "ready";

  function started(next: Job) {
    setRegenerating(false);
    client.setQueryData(scraperKeys.one(job.id), next);
    void client.invalidateQueries({ queryKey: scraperKeys.all });
    document.getElementById("main")?.focus();
  }
  async function retry() {
    setRetrying(true);
    try {
      started(await scrapers.regenerate(job.id, ""));
    } catch (error) {
      toast(describeError(error).message, "error");
    } finally {
      setRetrying(false);
    }
  }
  async function use() {
    setUsing(true);
    try {
      const workflow = await api.createDraft(workflowFor(job));
      void client.invalidateQueries({ queryKey: keys.workflows });
      router.push(routes.workflow(workflow.id));
    } catch (error) {
      toast(describeError(error).message, "error");
      setUsing(false);
    }
  }
  const onRan = () => void client.invalidateQueries({ queryKey: scraperKeys.health(job.id) });

  return (
    <>
      <PageHead
        above={
          <Link prefetch={false} href={routes.scrapers()} className="underline-offset-2 hover:underline">
            Scrapers
          </Link>
        }
        title={
          <span className="flex flex-wrap items-center gap-x-3 gap-y-1">
            <span className="min-w-0">
              <Shorten text={job.description} most={300} />
            </span>
            <JobBadge status={job.status} />
          </span>
        }
        below={<Facts job={job} />}
        actions={
          <>
            {works && (
              <Button icon={<Workflow aria-hidden size={15} />} disabled={using} onClick={() => void use()}>
                Use in a workflow
              </Button>
            )}
            {works && (
              <Button
                icon={<RefreshCw aria-hidden size={15} />}
                disabled={underWay}
                onClick={() => setRegenerating(true)}
              >
                Write anew
              </Button>
            )}
            <Button variant="danger" icon={<Trash2 aria-hidden size={15} />} onClick={() => setDeleting(true)}>
              Delete
            </Button>
          </>
        }
      />
      <div className="space-y-4">
        {underWay && (
          <Progress job={job} connection={live.connection} heardAt={live.heardAt} onRetry={() => live.hurry()} />
        )}
        {job.status === "failed" && <Failure job={job} busy={retrying} onRetry={() => void retry()} />}
        {/* without an endpoint, a sample and code there is only what was learned */}
        <div
          className={
            works || job.sample_data !== null
              ? "grid grid-cols-1 items-start gap-4 xl:grid-cols-[minmax(0,1.6fr)_minmax(0,1fr)]"
              : ""
          }
        >
          <div className="min-w-0 space-y-4 empty:hidden">
            {works && <EndpointCard job={job} onRan={onRan} />}
            <Sample job={job} />
            <CodeCard job={job} />
          </div>
          <div
            className={
              works || job.sample_data !== null ? "min-w-0 space-y-4" : "grid min-w-0 items-start gap-4 lg:grid-cols-2"
            }
          >
            {works && <HealthCard job={job} onRan={onRan} />}
            {works && <ScheduleCard job={job} />}
            <AnalysisCard job={job} />
            <AttemptsCard job={job} />
          </div>
        </div>
      </div>
      <Announcer job={job} />
      {regenerating && <RegenerateDialog job={job} onClose={() => setRegenerating(false)} onStarted={started} />}
      <DeleteScraper
        job={job}
        open={deleting}
        onOpenChange={setDeleting}
        onDeleted={() => router.push(routes.scrapers())}
      />
    </>
  );
}

function Facts({ job }: { job: Job }) {
  const link = linkOf(job.url);
  return (
    <span className="nums flex flex-wrap gap-x-2">
      {link === null ? (
        <Shorten text={job.url} most={200} />
      ) : (
        <a
          href={link}
          target="_blank"
          rel="noopener noreferrer nofollow"
          className="text-accent underline-offset-2 wrap-anywhere hover:underline"
        >
          <Shorten text={job.url} most={200} />
          <span className="sr-only"> opens a new tab</span>
        </a>
      )}
      <span>· asked {formatMoment(job.created_at)}</span>
      {job.code_version !== null && <span>· version {job.code_version}</span>}
      {job.cost_usd > 0 && <span>· {formatUsd(job.cost_usd)}</span>}
      {job.ignore_robots && <span>· without regard to robots.txt</span>}
    </span>
  );
}

/** The first records, as soon as there are any. */
function Sample({ job }: { job: Job }) {
  const count = tableOf(job.sample_data).rows.length;
  if (count === 0) return null;
  return (
    <Card title="Sample" note={`the first ${count === 1 ? "record" : `${count} records`}`} flush>
      <Records data={job.sample_data} label="Sample" order={fieldOrder(job.analysis)} />
    </Card>
  );
}

/** Says each new step once, for screen readers. */
function Announcer({ job }: { job: Job }) {
  const [said, setSaid] = useState("");
  const text = announce(job);
  const [first] = useState(job.status);
  useEffect(() => {
    // what the page already said when it was opened is not news
    if (isSettled(first) && job.status === first) return;
    setSaid(text);
  }, [text, first, job.status]);
  return (
    <p role="status" className="sr-only" data-announcer>
      {said}
    </p>
  );
}
