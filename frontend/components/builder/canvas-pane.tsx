// The canvas in the builder: one stop for the Tab key; inside, keys walk the graph, and what they reach is announced.
"use client";
import { Maximize, Minus, Plus, WandSparkles } from "lucide-react";
import { type RefObject, useEffect, useMemo, useRef, useState } from "react";
import { Flow, type Instance } from "@/components/canvas/flow";
import { useObservable } from "@/hooks/use-observable";
import { KINDS } from "@/lib/builder/catalog";
import { describeNode } from "@/lib/builder/outline";
import { sizeOf } from "@/lib/builder/size";
import { useFacts } from "../canvas/facts";
import { useEditor, useSession } from "./context";
import { EmptyCanvas } from "./empty-canvas";

export function CanvasPane({ box }: { box: RefObject<HTMLDivElement | null> }) {
  const session = useSession();
  const facts = useFacts();
  const document = useEditor((state) => state.document);
  const selection = useEditor((state) => state.selection);
  const current = useEditor((state) => state.current);
  const instance = useRef<Instance | null>(null);
  const wish = useObservable(session.wish);
  const done = useRef(0);

  useEffect(() => {
    const flow = instance.current;
    if (wish === null || wish.count === done.current || !flow) return;
    done.current = wish.count;
    if (wish.do === "focus") {
      box.current?.focus({ preventScroll: true });
    } else if (wish.do === "fit") {
      void flow.fitView({ padding: 0.15, maxZoom: 1 });
    } else if (wish.do === "reset") {
      void flow.zoomTo(1);
    } else {
      const node = session.document.graph.nodes.find((one) => one.id === wish.id);
      if (node && box.current) reveal(flow, box.current, node.position ?? { x: 0, y: 0 }, sizeOf(node));
    }
  }, [wish, session, box]);

  const handlers = useMemo(
    () => ({
      onSelect: (nodes: string[], edges: string[], here: string | null) => session.editor.select(nodes, edges, here),
      onPlace: session.place.bind(session),
      onConnect: (wanted: Parameters<typeof session.connect>[0]) => void session.connect(wanted),
      onDropConnection: (after: { source: string; sourceHandle: string | null }, at: { x: number; y: number }) =>
        session.open({ kind: "add", after, at: { x: at.x, y: at.y - 32 } }),
      onDropKind: (key: string, at: { x: number; y: number }) => {
        const kind = KINDS.find((one) => one.key === key);
        if (kind) session.add(kind, null, at);
      },
      onOpen: (id: string) => session.jump(id),
    }),
    [session],
  );

  return (
    <div className="relative h-full min-h-0 min-w-0">
      <div
        ref={box}
        role="application"
        // biome-ignore lint/a11y/noNoninteractiveTabindex: it is a widget: arrow keys walk it
        tabIndex={0}
        aria-label={`Canvas, ${document.graph.nodes.length} nodes`}
        aria-describedby="canvas-help"
        onMouseDown={(event) => {
          const target = event.target as HTMLElement;
          if (target.closest("button, input") === null) event.currentTarget.focus({ preventScroll: true });
        }}
        className="h-full w-full outline-none focus-visible:ring-2 focus-visible:ring-(--focus) focus-visible:ring-inset"
      >
        <Flow
          document={document}
          selection={selection}
          current={current}
          onReady={(ready) => {
            instance.current = ready;
          }}
          {...handlers}
        />
      </div>
      <p id="canvas-help" className="sr-only">
        Arrow keys walk from node to node, Alt and arrow keys move. N adds a node, C connects, Enter opens the settings,
        Delete removes. The outline is the same workflow as a list. Question mark shows all keys.
      </p>
      {document.graph.nodes.length === 0 && <EmptyCanvas />}
      <Controls instance={instance} />
      <Speaker findings={facts.findings} />
    </div>
  );
}

/** Moves the view only when the node is not well inside it. */
function reveal(
  flow: Instance,
  box: HTMLElement,
  at: { x: number; y: number },
  size: { width: number; height: number },
) {
  const { x, y, zoom } = flow.getViewport();
  const left = at.x * zoom + x;
  const top = at.y * zoom + y;
  const [width, height] = [size.width * zoom, size.height * zoom];
  const margin = 24;
  const inside =
    left >= margin &&
    top >= margin &&
    left + width <= box.clientWidth - margin &&
    top + height <= box.clientHeight - margin;
  if (inside && zoom >= 0.3) return;
  void flow.setCenter(at.x + size.width / 2, at.y + size.height / 2, {
    zoom: Math.min(1, Math.max(0.6, zoom)),
    duration: 160,
  });
}

function Controls({ instance }: { instance: RefObject<Instance | null> }) {
  const session = useSession();
  const button =
    "inline-flex size-8 items-center justify-center text-ink-2 transition-colors hover:bg-sunken hover:text-ink first:rounded-l-md last:rounded-r-md";
  return (
    <div className="absolute bottom-3 left-3 z-10 flex divide-x rounded-md border border-line bg-surface shadow-card">
      <button type="button" className={button} aria-label="Zoom in" onClick={() => void instance.current?.zoomIn()}>
        <Plus aria-hidden size={15} />
      </button>
      <button type="button" className={button} aria-label="Zoom out" onClick={() => void instance.current?.zoomOut()}>
        <Minus aria-hidden size={15} />
      </button>
      <button
        type="button"
        className={button}
        aria-label="Zoom to fit"
        title="Zoom to fit (1)"
        onClick={() => session.ask("fit")}
      >
        <Maximize aria-hidden size={14} />
      </button>
      <button
        type="button"
        className={button}
        aria-label="Tidy up"
        title="Tidy up (Shift+Alt+T)"
        onClick={() => session.tidy()}
      >
        <WandSparkles aria-hidden size={14} />
      </button>
    </div>
  );
}

/** Tells where the keyboard is, and what was done. */
function Speaker({ findings }: { findings: ReturnType<typeof useFacts>["findings"] }) {
  const session = useSession();
  const said = useObservable(session.said);
  const current = useEditor((state) => state.current);
  const [where, setWhere] = useState("");
  useEffect(() => {
    if (current === null) return;
    setWhere(describeNode(session.document, current, findings.get(current)?.findings.length ?? 0));
  }, [current, session, findings]);
  return (
    <>
      <p role="status" data-said="node" className="sr-only">
        {where}
      </p>
      <p role="status" data-said="action" className="sr-only">
        {said}
      </p>
    </>
  );
}
