// The canvas: React Flow in controlled form over a document. It draws, and says what the pointer did; it changes nothing
// itself. Used by the builder and, for reading, by the page of a run.
"use client";
import "@xyflow/react/dist/base.css";
import {
  Background,
  BackgroundVariant,
  type FinalConnectionState,
  type Connection as FlowConnection,
  MiniMap,
  type NodeChange,
  ReactFlow,
  type ReactFlowInstance,
  SelectionMode,
} from "@xyflow/react";
import { useCallback, useEffect, useMemo, useRef, useState } from "react";
import type { WorkflowDocument } from "@/lib/api/types";
import { type Connection, TOOLS, whyNot } from "@/lib/builder/graph";
import { missingPositions } from "@/lib/builder/layout";
import type { Point } from "@/lib/builder/ops";
import { GRID } from "@/lib/builder/size";
import type { Selection } from "@/lib/builder/store";
import { EDGE_TYPES } from "./edge";
import { Elements, type FlowEdge, type FlowNode, sourceHandleOf } from "./elements";
import { useFacts } from "./facts";
import { NODE_TYPES } from "./nodes";

export type Instance = ReactFlowInstance<FlowNode, FlowEdge>;

/** From here on only what is in view is drawn. */
const MANY = 150;
const TOO_MANY_FOR_MAP = 1_000;
/** Below this zoom nobody can read more than a name. */
const FAR = 0.4;

export interface FlowProps {
  document: WorkflowDocument;
  selection: Selection;
  current: string | null;
  onSelect: (nodes: string[], edges: string[], current: string | null) => void;
  onReady?: (instance: Instance) => void;
  /** Only while editing. */
  onPlace?: (places: ReadonlyMap<string, Point>) => void;
  onConnect?: (wanted: Connection) => void;
  onDropConnection?: (from: { source: string; sourceHandle: string | null }, at: Point) => void;
  onDropKind?: (kind: string, at: Point) => void;
  onOpen?: (id: string) => void;
  map?: boolean;
}

const PRO = { hideAttribution: true };
const SNAP: [number, number] = [GRID / 2, GRID / 2];
const DEFAULT_VIEW = { padding: 0.15, maxZoom: 1 };
const NO_PLACES: ReadonlyMap<string, Point> = new Map();
export const KIND_MIME = "application/x-nexus-kind";

export function wantedOf(connection: FlowConnection | FlowEdge): Connection {
  return {
    source: connection.source,
    target: connection.target,
    sourceHandle: sourceHandleOf(connection.sourceHandle),
    targetHandle: connection.targetHandle === TOOLS ? TOOLS : null,
  };
}

/** `attach` goes only to `tools`, and everything else only to the ordinary way in. */
function rightHandles(connection: FlowConnection | FlowEdge): boolean {
  return (connection.sourceHandle === "attach") === (connection.targetHandle === TOOLS);
}

export function Flow(props: FlowProps) {
  const { document, selection, current, onSelect, onReady, onPlace, onConnect, onDropConnection, onDropKind, onOpen } =
    props;
  const { editable, hot } = useFacts();
  const elements = useMemo(() => new Elements(), []);
  const [dragged, setDragged] = useState<ReadonlyMap<string, Point>>(NO_PLACES);
  const dragging = useRef(NO_PLACES);
  const instance = useRef<Instance | null>(null);
  const box = useRef<HTMLDivElement>(null);
  const missing = useMemo(() => missingPositions(document), [document]);
  const places = useMemo(() => (missing.size === 0 ? dragged : new Map([...missing, ...dragged])), [missing, dragged]);
  // arrays that stay the same keep React Flow from looking at hundreds of nodes again
  const nodes = useMemo(
    () => elements.nodes(document, selection.nodes, current, places),
    [elements, document, selection.nodes, current, places],
  );
  const edges = useMemo(() => elements.edges(document, selection.edges), [elements, document, selection.edges]);
  const count = document.graph.nodes.length;

  const onNodesChange = useCallback(
    (changes: NodeChange<FlowNode>[]) => {
      const moved = changes.filter((change) => change.type === "position");
      if (moved.length > 0 && onPlace) {
        const next = new Map(dragging.current);
        for (const change of moved) if (change.position) next.set(change.id, change.position);
        dragging.current = next;
        setDragged(next);
      }
      const chosen = changes.filter((change) => change.type === "select");
      if (chosen.length > 0) {
        const ids = new Set(selection.nodes);
        let last: string | null = null;
        for (const change of chosen) {
          if (change.selected) {
            ids.add(change.id);
            last = change.id;
          } else ids.delete(change.id);
        }
        const next = [...ids];
        onSelect(
          next,
          [...selection.edges],
          last ?? (current !== null && ids.has(current) ? current : (next.at(-1) ?? null)),
        );
      }
    },
    [selection, current, onSelect, onPlace],
  );

  const dropDragged = useCallback(() => {
    const places = dragging.current;
    dragging.current = NO_PLACES;
    setDragged(NO_PLACES);
    if (places.size > 0) onPlace?.(places);
  }, [onPlace]);

  const connectEnd = useCallback(
    (event: MouseEvent | TouchEvent, state: FinalConnectionState) => {
      if (state.isValid || !state.fromNode || !state.fromHandle || state.fromHandle.type !== "source") return;
      if (state.toNode || state.fromHandle.id === "attach") return;
      const point = "changedTouches" in event ? event.changedTouches[0] : event;
      if (!point || !instance.current) return;
      onDropConnection?.(
        { source: state.fromNode.id, sourceHandle: sourceHandleOf(state.fromHandle.id) },
        instance.current.screenToFlowPosition({ x: point.clientX, y: point.clientY }),
      );
    },
    [onDropConnection],
  );

  const valid = useCallback(
    (connection: FlowConnection | FlowEdge) =>
      rightHandles(connection) && whyNot(document, wantedOf(connection)) === null,
    [document],
  );

  // a canvas for reading fits itself whenever its size changes
  useEffect(() => {
    const element = box.current;
    if (!element || editable) return;
    const observer = new ResizeObserver(() => void instance.current?.fitView(DEFAULT_VIEW));
    observer.observe(element);
    return () => observer.disconnect();
  }, [editable]);

  return (
    <div ref={box} className="nx-flow h-full w-full" data-nodes={count}>
      <ReactFlow<FlowNode, FlowEdge>
        nodes={nodes}
        edges={edges}
        nodeTypes={NODE_TYPES}
        edgeTypes={EDGE_TYPES}
        onInit={(ready) => {
          instance.current = ready;
          box.current?.classList.toggle("nx-far", ready.getZoom() < FAR);
          onReady?.(ready);
        }}
        onMove={(_, { zoom }) => box.current?.classList.toggle("nx-far", zoom < FAR)}
        onNodesChange={onNodesChange}
        onNodeDragStop={dropDragged}
        onSelectionDragStop={dropDragged}
        onEdgeClick={(_, edge) => onSelect([], [edge.id], null)}
        onEdgeMouseEnter={(_, edge) => hot.set(edge.id)}
        onEdgeMouseLeave={() => hot.set(null)}
        onPaneClick={() => onSelect([], [], null)}
        onNodeDoubleClick={(_, node) => onOpen?.(node.id)}
        onConnect={(connection) => onConnect?.(wantedOf(connection))}
        onConnectEnd={connectEnd}
        isValidConnection={valid}
        onDragOver={(event) => {
          if (!event.dataTransfer.types.includes(KIND_MIME)) return;
          event.preventDefault();
          event.dataTransfer.dropEffect = "copy";
        }}
        onDrop={(event) => {
          const kind = event.dataTransfer.getData(KIND_MIME);
          if (kind === "" || !instance.current) return;
          event.preventDefault();
          onDropKind?.(kind, instance.current.screenToFlowPosition({ x: event.clientX, y: event.clientY }));
        }}
        nodesDraggable={editable}
        nodesConnectable={editable}
        nodesFocusable={false}
        edgesFocusable={false}
        disableKeyboardA11y
        deleteKeyCode={null}
        selectionKeyCode={editable ? "Shift" : null}
        multiSelectionKeyCode={editable ? ["Meta", "Control"] : null}
        selectionMode={SelectionMode.Partial}
        elementsSelectable
        onlyRenderVisibleElements={count >= MANY}
        elevateNodesOnSelect={false}
        snapToGrid
        snapGrid={SNAP}
        minZoom={0.05}
        maxZoom={2}
        fitView
        fitViewOptions={DEFAULT_VIEW}
        proOptions={PRO}
        zoomOnDoubleClick={false}
        onError={ignore}
      >
        <Background variant={BackgroundVariant.Dots} gap={GRID} size={1} color="var(--dots)" />
        {props.map !== false && count > 0 && count <= TOO_MANY_FOR_MAP && (
          <MiniMap
            pannable
            zoomable
            ariaLabel="Map of the whole workflow"
            className="nx-map"
            nodeColor="var(--map-node)"
            maskColor="var(--map-mask)"
            nodeBorderRadius={8}
            style={{ width: 148, height: 96 }}
          />
        )}
      </ReactFlow>
    </div>
  );
}

// an edge whose case is gone is a problem that the server names; the console need not
function ignore(): void {}
