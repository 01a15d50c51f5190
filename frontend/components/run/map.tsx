// The workflow of a run as a drawing for reading: states on the nodes, one selection with the rest of the page.
"use client";
import { useEffect, useMemo, useState } from "react";
import { type Facts, FactsProvider, NO_FACTS } from "@/components/canvas/facts";
import { Flow } from "@/components/canvas/flow";
import type { WorkflowDocument } from "@/lib/api/types";
import { normalized } from "@/lib/builder/ops";
import type { RunState } from "@/lib/run/state";
import { NodeViews } from "@/lib/run/views";

export interface RunMapProps {
  document: WorkflowDocument;
  run: RunState | null;
  selected: string | null;
  onSelect: (id: string | null) => void;
}

export function RunMap({ document, run, selected, onSelect }: RunMapProps) {
  const [views] = useState(() => new NodeViews());
  const facts = useMemo<Facts>(() => ({ ...NO_FACTS, views }), [views]);
  const drawn = useMemo(() => normalized(document), [document]);
  useEffect(() => views.show(run), [views, run]);
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
