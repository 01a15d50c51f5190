// A connection: solid between steps, dashed to an attached tool, fading where a run went another way. Under the pointer it
// offers to put a node in between.
"use client";
import { BaseEdge, EdgeLabelRenderer, type EdgeProps, getBezierPath } from "@xyflow/react";
import { Plus } from "lucide-react";
import { memo, useCallback, useSyncExternalStore } from "react";
import { useKeyed } from "@/hooks/use-keyed";
import type { FlowEdge } from "./elements";
import { useFacts } from "./facts";

function useIsHot(id: string): boolean {
  const { hot } = useFacts();
  const get = useCallback(() => hot.get() === id, [hot, id]);
  return useSyncExternalStore(hot.subscribe, get, get);
}

export const StepEdge = memo(function StepEdge(props: EdgeProps<FlowEdge>) {
  const { id, source, selected, data } = props;
  const { views, editable, onInsert } = useFacts();
  const run = useKeyed(views, source)?.run;
  const hot = useIsHot(id);
  const [path, x, y] = getBezierPath(props);
  const attachment = data?.attachment === true;
  const output = run?.output;
  const chosen =
    run?.status === "succeeded" && typeof output === "object" && output !== null && !Array.isArray(output)
      ? output.handle
      : undefined;
  const wanted = data?.edge.source_handle;
  const dead =
    run !== undefined &&
    (run.status === "skipped" || (wanted !== undefined && chosen !== undefined && chosen !== wanted));
  const running = run?.status === "running";
  const taken = run?.status === "succeeded" && !dead;
  return (
    <>
      <BaseEdge
        id={id}
        path={path}
        interactionWidth={18}
        className={running ? "breathing" : ""}
        style={{
          stroke: selected || running ? "var(--accent)" : taken ? "var(--edge-taken)" : "var(--edge)",
          strokeWidth: selected ? 2.5 : taken || running ? 2 : 1.5,
          ...(attachment ? { strokeDasharray: "5 4" } : {}),
          ...(dead ? { strokeDasharray: "2 5", opacity: 0.9 } : {}),
        }}
      />
      {editable && !attachment && (hot || selected) && (
        <EdgeLabelRenderer>
          <button
            type="button"
            tabIndex={-1}
            aria-label={`Put a node between ${source} and ${props.target}`}
            title="Put a node in between"
            className="nodrag nopan pointer-events-auto absolute inline-flex size-6 items-center justify-center rounded-full border border-line-strong bg-raised text-ink-2 shadow-card hover:border-accent hover:text-accent"
            style={{ transform: `translate(-50%, -50%) translate(${x}px, ${y}px)` }}
            onClick={() => onInsert(id)}
          >
            <Plus aria-hidden size={13} />
          </button>
        </EdgeLabelRenderer>
      )}
    </>
  );
});

export const EDGE_TYPES = { edge: StepEdge };
