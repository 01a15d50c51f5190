// The overview: figures, what needs a person, workflows and latest runs; templates while there is no workflow.
"use client";
import { useSearchParams } from "next/navigation";
import { ExecutionList } from "@/components/executions/list";
import { ExecutionTable } from "@/components/executions/table";
import { ScraperList } from "@/components/scrapers/list";
import { LinkButton } from "@/components/ui/button";
import { Card, PageHead } from "@/components/ui/card";
import { WorkflowList } from "@/components/workflows/list";
import { NewMenu } from "@/components/workflows/new-menu";
import { Templates } from "@/components/workflows/templates";
import { useLatestExecutions, useWorkflows } from "@/hooks/queries";
import { useNow } from "@/hooks/use-now";
import { attention, countRecent } from "@/lib/dashboard";
import { examples } from "@/lib/examples";
import { routes } from "@/lib/routes";
import { Figures } from "./figures";

const LIMIT = 100;
const SHOWN = 5;

export function Overview() {
  const q = useSearchParams().get("q") ?? "";
  const workflows = useWorkflows(q);
  const latest = useLatestExecutions({ limit: LIMIT });
  const none = q === "" && workflows.data?.pages[0]?.items.length === 0;
  const untouched = none && latest.data?.items.length === 0;

  return (
    <>
      <PageHead title="Overview" />
      {untouched ? (
        <div className="space-y-4">
          <Welcome />
          <Endpoints />
        </div>
      ) : (
        <div className="space-y-4">
          <Figures latest={latest} />
          <Attention />
          <div className="grid grid-cols-1 items-start gap-4 xl:grid-cols-2">
            {none ? <Welcome /> : <WorkflowList />}
            <Card
              title="Latest runs"
              flush
              actions={
                <LinkButton prefetch={false} href={routes.executions()} size="sm" variant="ghost">
                  All runs
                </LinkButton>
              }
            >
              <ExecutionList
                workflow={null}
                status={null}
                limit={8}
                compact
                label="Latest runs"
                footer={null}
                empty={{ title: "No runs yet", text: "Run a workflow, and watch it here." }}
              />
            </Card>
          </div>
          <Endpoints />
        </div>
      )}
    </>
  );
}

function Endpoints() {
  return (
    <Card
      title="Scraper endpoints"
      flush
      actions={
        <>
          <LinkButton prefetch={false} href={routes.scrapers()} size="sm" variant="ghost">
            All scrapers
          </LinkButton>
          <LinkButton prefetch={false} href={routes.newScraper()} size="sm">
            New scraper
          </LinkButton>
        </>
      }
    >
      <ScraperList q="" label="Latest scrapers" limit={5} compact />
    </Card>
  );
}

function Welcome() {
  return (
    <Card
      title="Start with a template"
      note={examples.length > 0 ? "They run on the built-in demo provider, without a key." : undefined}
      actions={<NewMenu />}
      flush
    >
      {examples.length > 0 ? (
        <Templates />
      ) : (
        <p className="p-4 text-mute">There are no workflows yet. Import one from a JSON file.</p>
      )}
    </Card>
  );
}

function Attention() {
  const now = useNow();
  const failed = useLatestExecutions({ status: "failed", limit: LIMIT });
  const stopped = useLatestExecutions({ status: "budget_exceeded", limit: LIMIT });
  const items = attention([failed.data, stopped.data], SHOWN);
  if (items.length === 0) return null;
  const fresh =
    (failed.data ? countRecent(failed.data, now).value : 0) + (stopped.data ? countRecent(stopped.data, now).value : 0);
  return (
    <Card
      title="Needs attention"
      note={`${fresh} in the last 24 hours`}
      flush
      actions={
        <>
          <LinkButton prefetch={false} href={`${routes.executions()}?status=failed`} size="sm" variant="ghost">
            All failed
          </LinkButton>
          <LinkButton prefetch={false} href={`${routes.executions()}?status=budget_exceeded`} size="sm" variant="ghost">
            All stopped by budget
          </LinkButton>
        </>
      }
    >
      <ExecutionTable items={items} label="Runs that need attention" />
    </Card>
  );
}
