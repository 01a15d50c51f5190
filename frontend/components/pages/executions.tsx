// All runs, or one workflow's, filtered by status; the filter lives in the address.
"use client";
import { GitCompare } from "lucide-react";
import Link from "next/link";
import { usePathname, useRouter, useSearchParams } from "next/navigation";
import { useState } from "react";
import { ExecutionList } from "@/components/executions/list";
import { Button } from "@/components/ui/button";
import { Card, PageHead } from "@/components/ui/card";
import { cx } from "@/components/ui/cx";
import { Select } from "@/components/ui/field";
import { useWorkflow, useWorkflows } from "@/hooks/queries";
import { useTitle } from "@/hooks/use-title";
import { EXECUTION_STATUSES, type ExecutionStatus } from "@/lib/api/types";
import { idsOf, routes } from "@/lib/routes";
import { executionLook, isExecutionStatus } from "@/lib/status";

export function ExecutionsPage() {
  const pathname = usePathname();
  const router = useRouter();
  const params = useSearchParams();
  const wanted = params.get("status");
  const first = params.get("pick");
  const status = isExecutionStatus(wanted) ? wanted : null;
  const { workflow } = idsOf(pathname);
  const [chosen, setChosen] = useState<string[]>(() => (first === null ? [] : [first]));
  const [a, b] = chosen;
  const pick = {
    chosen,
    // a third choice takes the place of the one before last
    onPick: (id: string, on: boolean) =>
      setChosen((before) => (on ? [...before.slice(-1), id] : before.filter((one) => one !== id))),
  };
  return (
    <>
      {workflow === null ? <PageHead title="Runs" /> : <WorkflowHead id={workflow} />}
      <div className="mb-3 flex flex-wrap items-center gap-x-4 gap-y-2">
        <Filter path={pathname} current={status} />
        <WorkflowFilter current={workflow} status={status} />
        <div className="ml-auto flex items-center gap-2.5">
          <span role="status" className="text-xs text-mute">
            {chosen.length === 0 ? "Mark two runs to compare them." : chosen.length === 1 ? "Mark one more run." : ""}
          </span>
          <Button
            size="sm"
            disabled={a === undefined || b === undefined}
            icon={<GitCompare aria-hidden size={13} />}
            onClick={() => a !== undefined && b !== undefined && router.push(routes.compare(a, b))}
          >
            Compare
          </Button>
        </div>
      </div>
      <Card flush>
        <ExecutionList
          key={`${workflow ?? ""} ${status ?? ""}`}
          workflow={workflow}
          status={status}
          pick={pick}
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
        <Link prefetch={false} href={routes.workflow(id)} className="underline-offset-2 hover:underline">
          {data?.name ?? "Workflow"}
        </Link>
      }
    />
  );
}

function Filter({ path, current }: { path: string; current: ExecutionStatus | null }) {
  const choices: (ExecutionStatus | null)[] = [null, ...EXECUTION_STATUSES];
  return (
    <nav aria-label="Filter by status" className="-mx-4 max-w-[100vw] overflow-x-auto px-4 py-1 md:mx-0 md:px-0.5">
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

/** Which workflow's runs; the address says it, too. */
function WorkflowFilter({ current, status }: { current: string | null; status: ExecutionStatus | null }) {
  const router = useRouter();
  const { data } = useWorkflows("");
  const own = useWorkflow(current ?? "", current !== null);
  const items = data?.pages.flatMap((page) => page.items) ?? [];
  const listed = items.some((item) => item.id === current);
  return (
    <Select
      aria-label="Workflow"
      className="!h-8 !w-auto max-w-56 text-xs"
      value={current ?? ""}
      onChange={(event) => {
        const path = event.target.value === "" ? routes.executions() : routes.workflowExecutions(event.target.value);
        router.push(status === null ? path : `${path}?status=${status}`);
      }}
    >
      <option value="">All workflows</option>
      {current !== null && !listed && <option value={current}>{own.data?.name.slice(0, 80) ?? "This workflow"}</option>}
      {items.map((item) => (
        <option key={item.id} value={item.id}>
          {item.name.slice(0, 80)}
        </option>
      ))}
    </Select>
  );
}
