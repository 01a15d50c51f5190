// The builder, put together: one session, what surrounds the canvas, and what holds them in step.
"use client";
import { useQueryClient } from "@tanstack/react-query";
import dynamic from "next/dynamic";
import { useCallback, useEffect, useMemo, useRef } from "react";
import { type Facts, FactsProvider } from "@/components/canvas/facts";
import { keys } from "@/hooks/queries";
import { useLater } from "@/hooks/use-later";
import { useObservable } from "@/hooks/use-observable";
import { useTitle } from "@/hooks/use-title";
import { describeError } from "@/lib/api/errors";
import type { Session } from "@/lib/builder/session";
import { observable } from "@/lib/observable";
import type { RunState } from "@/lib/run/state";
import { NodeViews } from "@/lib/run/views";
import { toast } from "@/lib/toasts";
import { CanvasPane } from "./canvas-pane";
import { SessionProvider, useEditor } from "./context";
import { Drawer } from "./drawer";
import { load } from "./editor/editor";
import { Left } from "./left";
import { useLastRun } from "./panel/last-run";
import { Panel } from "./panel/panel";
import { TopBar } from "./topbar";
import { useCheckStores, useChecks } from "./use-checks";
import { useKeys } from "./use-keys";

// what is needed only after something was done
const RunDialog = dynamic(() => import("@/components/workflows/run-dialog").then((module) => module.RunDialog), {
  ssr: false,
});
const Conflict = dynamic(() => import("./conflict").then((module) => module.Conflict), { ssr: false });
const Overlays = dynamic(() => import("./overlays").then((module) => module.Overlays), { ssr: false });
const RunWatch = dynamic(() => import("./run-watch").then((module) => module.RunWatch), { ssr: false });

export function Builder({ session, workflow }: { session: Session; workflow: string | null }) {
  return (
    <SessionProvider session={session}>
      <Inside session={session} workflow={workflow} />
    </SessionProvider>
  );
}

function Inside({ session, workflow }: { session: Session; workflow: string | null }) {
  const canvas = useRef<HTMLDivElement>(null);
  const stores = useCheckStores();
  const views = useMemo(() => new NodeViews(), []);
  const facts = useMemo<Facts>(
    () => ({
      editable: true,
      views,
      findings: stores.findings,
      estimates: stores.estimates,
      hot: observable<string | null>(null),
      onInsert: (edge) => session.open({ kind: "insert", edge }),
    }),
    [session, stores, views],
  );
  const revision = useEditor((state) => state.revision);
  const name = useEditor((state) => state.document.name);
  useObservable(session.view);
  const overlay = useObservable(session.overlay);
  const saving = useObservable(session.autosave.state);
  const shown = useObservable(session.run);
  const last = useLastRun(workflow, shown);
  const checks = useChecks(session, stores, revision, last.execution?.inputs);
  useTitle(name);
  const later = useLater();
  useEffect(() => {
    if (!later) return;
    // soon wanted: better there before
    void import("./overlays").catch(() => {});
    void import("@/components/workflows/run-dialog").catch(() => {});
    void import("./run-watch").catch(() => {});
    void load().catch(() => {});
  }, [later]);
  useKeys(session, canvas);

  const watched = useCallback(
    (state: RunState | null) => {
      session.runState.set(state);
      views.show(state);
    },
    [session, views],
  );

  return (
    <FactsProvider facts={facts}>
      <div className="flex h-full min-h-0 flex-col">
        <TopBar checks={checks} onRun={() => session.open({ kind: "run" })} />
        {shown !== null && <RunWatch key={shown} execution={shown} onState={watched} />}
        <div className="flex min-h-0 flex-1">
          <Left />
          <div className="flex min-w-0 flex-1 flex-col">
            <div className="min-h-0 flex-1">
              <CanvasPane box={canvas} />
            </div>
            <Drawer checks={checks} workflow={workflow} />
          </div>
          <Panel findings={checks.findings} last={last} />
        </div>
      </div>
      {overlay.kind !== "none" && overlay.kind !== "run" && <Overlays workflow={workflow} />}
      <StartRun session={session} />
      {saving.phase === "conflict" && <Conflict />}
      <Guard session={session} />
    </FactsProvider>
  );
}

/** The run dialog: first everything is saved, then what is wrong is shown instead. */
function StartRun({ session }: { session: Session }) {
  const overlay = useObservable(session.overlay);
  const client = useQueryClient();
  const wanted = overlay.kind === "run";

  async function saved(): Promise<string> {
    await session.autosave.flush();
    const id = session.autosave.id;
    if (id === null) throw new Error("Add a node first.");
    return id;
  }

  // saving begins while the dialog is read
  useEffect(() => {
    if (!wanted) return;
    if (session.document.graph.nodes.length === 0) {
      session.close();
      toast("Add a node first.");
      return;
    }
    session.autosave.flush().catch((error: unknown) => toast(describeError(error).message, "error"));
  }, [wanted, session]);

  if (!wanted || session.document.graph.nodes.length === 0) return null;
  return (
    <RunDialog
      open
      onOpenChange={(open) => {
        if (!open) {
          session.close();
          requestAnimationFrame(() => session.ask("focus"));
        }
      }}
      document={session.document}
      workflowId={saved}
      onStarted={(_, execution) => {
        session.run.set(execution);
        session.say("The run has started.");
        void client.invalidateQueries({ queryKey: keys.executions });
      }}
    />
  );
}

/** Asks before a page with unsaved work is left, and saves what it can. */
function Guard({ session }: { session: Session }) {
  useEffect(() => {
    session.autosave.start();
    const leaving = (event: BeforeUnloadEvent) => {
      if (session.autosave.dirty) event.preventDefault();
    };
    const hidden = () => {
      if (document.visibilityState === "hidden") session.autosave.flush().catch(() => {});
    };
    window.addEventListener("beforeunload", leaving);
    document.addEventListener("visibilitychange", hidden);
    return () => {
      window.removeEventListener("beforeunload", leaving);
      document.removeEventListener("visibilitychange", hidden);
      session.autosave.flush().catch(() => {});
      session.autosave.stop();
    };
  }, [session]);
  return null;
}
