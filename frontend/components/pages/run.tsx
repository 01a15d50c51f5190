// One run, live: its head, its nodes as they work, what came out, everything that happened.
"use client";
import { usePathname } from "next/navigation";
import { Announcer } from "@/components/run/announcer";
import { EventLog } from "@/components/run/event-log";
import { RunHead } from "@/components/run/head";
import { LiveBar } from "@/components/run/live-bar";
import { NodeList } from "@/components/run/node-list";
import { Outputs } from "@/components/run/outputs";
import { Card } from "@/components/ui/card";
import { SkeletonPage } from "@/components/ui/skeleton";
import { ErrorNote, ErrorState } from "@/components/ui/states";
import { ValueView } from "@/components/ui/value";
import { useWorkflowVersion } from "@/hooks/queries";
import { useFollower } from "@/hooks/use-follower";
import { useTitle } from "@/hooks/use-title";
import { isNotFound, isTransient } from "@/lib/api/errors";
import { nodeMap } from "@/lib/nodes";
import { idsOf } from "@/lib/routes";
import { executionLook } from "@/lib/status";
import { NotFound } from "./not-found";

export function RunPage() {
  const { execution } = idsOf(usePathname());
  return <Run key={execution ?? "_"} execution={execution ?? "_"} />;
}

function Run({ execution }: { execution: string }) {
  const { follower, state } = useFollower(execution);
  const { run } = state;
  const document = useWorkflowVersion(run.workflowId, run.workflowVersion);
  const name = run.workflowName ?? document.data?.name ?? null;
  useTitle(run.status === null ? null : `${executionLook(run.status).word}: ${name ?? "run"}`);

  if (state.phase === "loading") return <SkeletonPage />;
  if (state.phase === "failed" || run.status === null) {
    return isNotFound(state.error) ? (
      <NotFound what="run" />
    ) : (
      <Card flush>
        <ErrorState error={state.error} onRetry={() => follower.wake()} />
      </Card>
    );
  }
  const nodes = nodeMap(document.data);
  const hasInputs = typeof run.inputs === "object" && run.inputs !== null && Object.keys(run.inputs).length > 0;
  return (
    <>
      <LiveBar connection={state.connection} heardAt={state.heardAt} onRetry={() => follower.wake()} />
      <RunHead
        execution={execution}
        run={run}
        status={run.status}
        name={name}
        document={document.data}
        onChanged={() => follower.wake()}
        onResumed={() => follower.resumed()}
      />
      {state.error !== null && !isTransient(state.error) && (
        <div className="mb-4">
          <ErrorNote error={state.error} onRetry={() => follower.wake()} />
        </div>
      )}
      <div className="grid grid-cols-1 items-start gap-4 lg:grid-cols-[minmax(0,1.7fr)_minmax(0,1fr)]">
        <div className="space-y-4">
          <Outputs run={run} status={run.status} nodes={nodes} />
          <NodeList run={run} status={run.status} nodes={nodes} />
        </div>
        <div className="space-y-4">
          <EventLog events={run.events} nodes={nodes} />
          {hasInputs && (
            <Card title="Inputs">
              <ValueView value={run.inputs ?? null} label="Inputs" />
            </Card>
          )}
        </div>
      </div>
      <Announcer run={run} nodes={nodes} />
    </>
  );
}
