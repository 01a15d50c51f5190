// One run: its head, the drawing over the timeline with one selection, the chosen node, a scrubber through what happened,
// what came out and what it cost. Live while it runs.
"use client";
import dynamic from "next/dynamic";
import { usePathname } from "next/navigation";
import { useEffect, useMemo, useState } from "react";
import { Announcer } from "@/components/run/announcer";
import { Costs } from "@/components/run/costs";
import { EventLog } from "@/components/run/event-log";
import { RunHead } from "@/components/run/head";
import { LiveBar } from "@/components/run/live-bar";
import { Outputs } from "@/components/run/outputs";
import { Scrubber } from "@/components/run/scrubber";
import { Side } from "@/components/run/side";
import { TimelineView } from "@/components/run/timeline";
import { Card } from "@/components/ui/card";
import { Skeleton, SkeletonPage } from "@/components/ui/skeleton";
import { ErrorNote, ErrorState } from "@/components/ui/states";
import { ValueView } from "@/components/ui/value";
import { useWorkflowVersion } from "@/hooks/queries";
import { useFollower } from "@/hooks/use-follower";
import { useLater } from "@/hooks/use-later";
import { useTitle } from "@/hooks/use-title";
import { isNotFound, isTransient } from "@/lib/api/errors";
import type { Workflow, WorkflowDocument } from "@/lib/api/types";
import { documentOf } from "@/lib/documents";
import { nodeMap } from "@/lib/nodes";
import { idsOf } from "@/lib/routes";
import type { Follower, FollowState } from "@/lib/run/follower";
import { Replay } from "@/lib/run/replay";
import type { RunState } from "@/lib/run/state";
import { executionLook } from "@/lib/status";
import { NotFound } from "./not-found";

const RunMap = dynamic(() => import("@/components/run/map").then((module) => module.RunMap), {
  ssr: false,
  loading: () => <Skeleton className="h-full w-full" />,
});
const ResumeDialog = dynamic(() => import("@/components/run/resume-dialog").then((module) => module.ResumeDialog), {
  ssr: false,
});

export function RunPage() {
  const { execution } = idsOf(usePathname());
  return <Run key={execution ?? "_"} execution={execution ?? "_"} />;
}

function Run({ execution }: { execution: string }) {
  const { follower, state } = useFollower(execution);
  const { run } = state;
  const version = useWorkflowVersion(run.workflowId, run.workflowVersion);
  const name = run.workflowName ?? version.data?.name ?? null;
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
  return (
    <Loaded
      execution={execution}
      follower={follower}
      state={state}
      name={name}
      workflow={version.data}
      waiting={version.isPending}
    />
  );
}

interface LoadedProps {
  execution: string;
  follower: Follower;
  state: FollowState;
  name: string | null;
  workflow: Workflow | undefined;
  waiting: boolean;
}

function Loaded({ execution, follower, state, name, workflow, waiting }: LoadedProps) {
  const { run: live } = state;
  const status = live.status ?? "queued";
  const [chosen, setChosen] = useState<string | null>(null);
  const [at, setAt] = useState<number | null>(null);
  const [from, setFrom] = useState<string | null>(null);
  const [replay] = useState(() => new Replay());
  const run = useMemo(() => (at === null ? live : replay.at(live, at)), [at, live, replay]);
  const moment = at === null ? null : momentOf(live, at);
  const nodes = useMemo(() => nodeMap(workflow), [workflow]);
  const document = useMemo<WorkflowDocument | undefined>(
    () => (workflow ? documentOf(workflow) : undefined),
    [workflow],
  );
  const busy = useBusyNode(live);
  const later = useLater();
  const selected = chosen ?? busy;
  const shownStatus = run.status ?? status;
  const hasInputs = typeof live.inputs === "object" && live.inputs !== null && Object.keys(live.inputs).length > 0;

  return (
    <>
      <LiveBar connection={state.connection} heardAt={state.heardAt} onRetry={() => follower.wake()} />
      <RunHead
        execution={execution}
        run={live}
        status={status}
        name={name}
        document={workflow}
        onChanged={() => follower.wake()}
        onResumed={() => follower.resumed()}
      />
      {state.error !== null && !isTransient(state.error) && (
        <div className="mb-4">
          <ErrorNote error={state.error} onRetry={() => follower.wake()} />
        </div>
      )}
      <div className="grid grid-cols-1 items-start gap-4 xl:grid-cols-[minmax(0,2fr)_minmax(0,1fr)]">
        <div className="space-y-4">
          <section aria-label="The run" className="min-w-0 overflow-hidden rounded-lg border bg-surface shadow-card">
            <div className="h-64 border-b md:h-80">
              {document && later ? (
                <RunMap document={document} run={run} selected={selected} onSelect={setChosen} />
              ) : waiting || document ? (
                <Skeleton className="h-full w-full" />
              ) : (
                <p className="p-4 text-mute">The workflow was deleted; what it did is below.</p>
              )}
            </div>
            {run.order.length === 0 ? (
              <p className="p-4 text-mute">The run has not reached a node yet.</p>
            ) : (
              <TimelineView
                run={run}
                status={shownStatus}
                nodes={nodes}
                selected={selected}
                onSelect={setChosen}
                moment={moment}
                whole={live}
              />
            )}
            <Scrubber events={live.events} nodes={nodes} at={at} onMove={setAt} />
          </section>
          <Outputs run={live} status={status} nodes={nodes} />
        </div>
        <div className="space-y-4">
          <Side
            node={selected === null ? undefined : run.nodes.get(selected)}
            spec={selected === null ? undefined : nodes.get(selected)}
            status={shownStatus}
            onResumeFrom={at === null ? setFrom : null}
          />
          <Costs run={live} document={document} nodes={nodes} />
          {hasInputs && (
            <Card title="Inputs">
              <ValueView value={live.inputs ?? null} label="Inputs" />
            </Card>
          )}
          <EventLog events={live.events} nodes={nodes} />
        </div>
      </div>
      {from !== null && (
        <ResumeDialog
          open
          onOpenChange={(open) => !open && setFrom(null)}
          execution={execution}
          run={live}
          status={status}
          document={workflow}
          from={from}
          onResumed={() => follower.resumed()}
        />
      )}
      <Announcer run={live} nodes={nodes} />
    </>
  );
}

function momentOf(run: RunState, at: number): number | null {
  const text = run.events[at - 1]?.timestamp ?? run.createdAt;
  return text === null ? null : Date.parse(text);
}

/** What to look at while nobody has chosen: who is writing, else what failed, else what ran last. */
function useBusyNode(run: RunState): string | null {
  const [last, setLast] = useState<string | null>(null);
  const list = run.order.flatMap((id) => run.nodes.get(id) ?? []);
  const running =
    list.find((node) => node.status === "running" && node.type === "agent") ??
    list.find((node) => node.status === "running");
  const wanted =
    running?.id ??
    list.find((node) => node.status === "failed" || node.budgetStopped)?.id ??
    last ??
    list.findLast((node) => node.attempts.length > 0 || node.status === "succeeded")?.id ??
    null;
  useEffect(() => setLast(wanted), [wanted]);
  return wanted;
}
