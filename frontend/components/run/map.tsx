// The workflow of a run as a drawing for reading: states on the nodes, one selection with the rest of the page.
"use client";
import { useEffect, useMemo, useState } from "react";
import { type Facts, FactsProvider, NO_FACTS } from "@/components/canvas/facts";
import { Flow } from "@/components/canvas/flow";
import type { ExecutionStatus, WorkflowDocument } from "@/lib/api/types";
import { normalized } from "@/lib/builder/ops";
import { KeyedStore } from "@/lib/keyed";
import { observable } from "@/lib/observable";
import type { NodeRun, RunState } from "@/lib/run/state";

export interface RunMapProps {
  document: WorkflowDocument;
  run: RunState | null;
  selected: string | null;
  onSelect: (id: string | null) => void;
}

export function RunMap({ document, run, selected, onSelect }: RunMapProps) {
  const [store] = useState(() => new KeyedStore<NodeRun>());
  const [status] = useState(() => observable<ExecutionStatus | null>(null));
  const facts = useMemo<Facts>(() => ({ ...NO_FACTS, runs: store, run: status }), [store, status]);
  const drawn = useMemo(() => normalized(document), [document]);
  const nodes = run?.nodes;
  const state = run?.status ?? null;
  useEffect(() => {
    store.fill(nodes ?? new Map());
    status.set(state);
  }, [nodes, state, store, status]);
  const selection = useMemo(
    () => ({ nodes: new Set(selected === null ? [] : [selected]), edges: new Set<string>() }),
    [selected],
  );
  return (
    <FactsProvider facts={facts}>
      {/* for the eye: everything on it is in the list of nodes, too */}
      <section aria-label="Drawing of the workflow" className="h-full">
        <Flow
          document={drawn}
          selection={selection}
          current={null}
          onSelect={(ids) => onSelect(ids.at(-1) ?? null)}
          map={false}
        />
      </section>
    </FactsProvider>
  );
}
