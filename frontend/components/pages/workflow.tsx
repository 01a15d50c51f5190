// One workflow for reading, on a phone: what it is, its plan and nodes, its versions and runs, and the way to run it.
"use client";
import { Download, Play } from "lucide-react";
import Link from "next/link";
import { usePathname } from "next/navigation";
import { useState } from "react";
import { ExecutionList } from "@/components/executions/list";
import { RunMap } from "@/components/run/map";
import { Button, LinkButton } from "@/components/ui/button";
import { Card, PageHead } from "@/components/ui/card";
import { SkeletonPage } from "@/components/ui/skeleton";
import { ErrorNote, ErrorState } from "@/components/ui/states";
import { download } from "@/components/workflows/download";
import { NodeTable } from "@/components/workflows/node-table";
import { PlanView } from "@/components/workflows/plan-view";
import { RunDialog } from "@/components/workflows/run-dialog";
import { Versions } from "@/components/workflows/versions";
import { useWorkflow } from "@/hooks/queries";
import { useTitle } from "@/hooks/use-title";
import { isNotFound } from "@/lib/api/errors";
import type { Workflow } from "@/lib/api/types";
import { documentOf, fileNameOf } from "@/lib/documents";
import { formatUsd } from "@/lib/format/money";
import { formatMoment } from "@/lib/format/time";
import { idsOf, routes } from "@/lib/routes";
import { NotFound } from "./not-found";

export function WorkflowPage() {
  const id = idsOf(usePathname()).workflow ?? "_";
  const query = useWorkflow(id);
  useTitle(query.data?.name);
  if (query.isPending) return <SkeletonPage />;
  if (!query.data) {
    return isNotFound(query.error) ? (
      <NotFound what="workflow" />
    ) : (
      <Card flush>
        <ErrorState error={query.error} onRetry={() => query.refetch()} />
      </Card>
    );
  }
  return (
    <>
      {query.isError && (
        <div className="mb-4">
          <ErrorNote error={query.error} onRetry={() => query.refetch()} />
        </div>
      )}
      <Loaded key={query.data.id} workflow={query.data} />
    </>
  );
}

function Loaded({ workflow }: { workflow: Workflow }) {
  const [running, setRunning] = useState(false);
  const draft = workflow.valid === false;
  const limit = workflow.budget?.limit_usd;
  return (
    <>
      <PageHead
        above={
          <Link prefetch={false} href={routes.home()} className="underline-offset-2 hover:underline">
            Workflows
          </Link>
        }
        title={workflow.name}
        below={
          <>
            {workflow.description && <span className="mb-1 block max-w-prose text-ink-2">{workflow.description}</span>}
            <span className="nums">
              Version {workflow.version} · changed {formatMoment(workflow.updated_at)} ·{" "}
              {limit === undefined ? "no budget cap" : `cap ${formatUsd(limit)} a run`}
            </span>
          </>
        }
        actions={
          <>
            <Button
              icon={<Download aria-hidden size={15} />}
              onClick={() => download(fileNameOf(workflow.name), documentOf(workflow))}
            >
              Export JSON
            </Button>
            <Button
              variant="primary"
              icon={<Play aria-hidden size={15} />}
              disabled={draft}
              onClick={() => setRunning(true)}
            >
              Run
            </Button>
          </>
        }
      />
      {draft && (
        <Card title="Not valid yet" className="mb-4">
          <ul className="space-y-1">
            {(workflow.problems ?? []).map((problem) => (
              <li key={`${problem.path} ${problem.message}`}>
                <code className="mr-2 font-mono text-xs text-mute">{problem.path}</code>
                {problem.message}
                {problem.suggestion && <span className="text-mute"> {problem.suggestion}</span>}
              </li>
            ))}
          </ul>
        </Card>
      )}
      <div className="grid grid-cols-1 items-start gap-4 lg:grid-cols-[minmax(0,1.35fr)_minmax(0,1fr)]">
        <div className="space-y-4">
          {workflow.graph.nodes.length > 0 && (
            <section aria-label="Drawing" className="h-72 overflow-hidden rounded-lg border bg-surface shadow-card">
              <RunMap document={workflow} run={null} selected={null} onSelect={() => {}} />
            </section>
          )}
          <PlanView workflow={workflow} />
          <Card title="Nodes" flush>
            <NodeTable workflow={workflow} />
          </Card>
        </div>
        <div className="space-y-4">
          <Card
            title="Runs"
            flush
            actions={
              <LinkButton href={routes.workflowExecutions(workflow.id)} size="sm" variant="ghost" prefetch={false}>
                All runs
              </LinkButton>
            }
          >
            <ExecutionList
              workflow={workflow.id}
              status={null}
              limit={8}
              compact
              label="Runs of this workflow"
              footer={null}
              empty={{ title: "Not run yet", text: "Press Run, and watch it node by node." }}
            />
          </Card>
          <Versions workflow={workflow} />
        </div>
      </div>
      <RunDialog open={running} onOpenChange={setRunning} document={workflow} workflowId={async () => workflow.id} />
    </>
  );
}
