// All runs, or one workflow's, filtered by status; the filter lives in the address.
"use client";
import Link from "next/link";
import { usePathname, useSearchParams } from "next/navigation";
import { ExecutionList } from "@/components/executions/list";
import { Card, PageHead } from "@/components/ui/card";
import { cx } from "@/components/ui/cx";
import { useWorkflow } from "@/hooks/queries";
import { useTitle } from "@/hooks/use-title";
import { EXECUTION_STATUSES, type ExecutionStatus } from "@/lib/api/types";
import { idsOf, routes } from "@/lib/routes";
import { executionLook, isExecutionStatus } from "@/lib/status";

export function ExecutionsPage() {
  const pathname = usePathname();
  const wanted = useSearchParams().get("status");
  const status = isExecutionStatus(wanted) ? wanted : null;
  const { workflow } = idsOf(pathname);
  return (
    <>
      {workflow === null ? <PageHead title="Runs" /> : <WorkflowHead id={workflow} />}
      <Filter path={pathname} current={status} />
      <Card flush>
        <ExecutionList
          key={`${workflow ?? ""} ${status ?? ""}`}
          workflow={workflow}
          status={status}
          label={workflow === null ? "All runs" : "Runs of this workflow"}
          empty={
            status === null
              ? { title: "No runs yet", text: "A run appears here as soon as a workflow is started." }
              : {
                  title: `No run is ${executionLook(status).word.toLowerCase()}`,
                  text: "Choose another filter to see other runs.",
                }
          }
        />
      </Card>
    </>
  );
}

function WorkflowHead({ id }: { id: string }) {
  const { data } = useWorkflow(id);
  useTitle(data ? `Runs of ${data.name}` : null);
  return (
    <PageHead
      title="Runs"
      above={
        <Link href={routes.workflow(id)} className="underline-offset-2 hover:underline">
          {data?.name ?? "Workflow"}
        </Link>
      }
    />
  );
}

function Filter({ path, current }: { path: string; current: ExecutionStatus | null }) {
  const choices: (ExecutionStatus | null)[] = [null, ...EXECUTION_STATUSES];
  return (
    <nav aria-label="Filter by status" className="-mx-4 mb-3 overflow-x-auto px-4 py-1 md:mx-0 md:px-0.5">
      <ul className="flex w-max gap-1.5">
        {choices.map((status) => (
          <li key={status ?? "all"}>
            <Link
              href={status === null ? path : `${path}?status=${status}`}
              prefetch={false}
              scroll={false}
              aria-current={status === current ? "true" : undefined}
              className={cx(
                "inline-flex h-8 items-center rounded-md border px-3 text-xs transition-colors",
                status === current
                  ? "border-accent bg-accent-soft font-medium text-accent"
                  : "border-line-strong bg-surface text-ink-2 hover:bg-sunken",
              )}
            >
              {status === null ? "All" : executionLook(status).word}
            </Link>
          </li>
        ))}
      </ul>
    </nav>
  );
}
