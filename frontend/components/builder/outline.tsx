// The workflow as a tree: steps in the order in which they run, tools under their agent. A full way to edit without the
// canvas: arrow keys, Enter, F2, C, N, Delete, Alt and arrows.
"use client";
import { CircleAlert, TriangleAlert } from "lucide-react";
import { type KeyboardEvent, useEffect, useMemo, useRef } from "react";
import { useFacts } from "@/components/canvas/facts";
import { KindTile } from "@/components/canvas/nodes";
import { cx } from "@/components/ui/cx";
import { Shorten } from "@/components/ui/shorten";
import { StatusMark } from "@/components/ui/status";
import { useKeyed } from "@/hooks/use-keyed";
import { type OutlineRow, outlineOf } from "@/lib/builder/outline";
import { useEditor, useSession } from "./context";
import { perform } from "./use-keys";

export function Outline() {
  const session = useSession();
  const document = useEditor((state) => state.document);
  const current = useEditor((state) => state.current);
  const selection = useEditor((state) => state.selection.nodes);
  const rows = useMemo(() => outlineOf(document), [document]);
  const list = useRef<HTMLDivElement>(null);
  const at = rows.findIndex((row) => row.node.id === current);
  const stop = Math.max(0, at);

  useEffect(() => {
    const row =
      current === null ? null : list.current?.querySelector<HTMLElement>(`[data-row="${CSS.escape(current)}"]`);
    row?.scrollIntoView({ block: "nearest" });
    if (row && list.current?.contains(window.document.activeElement)) row.focus({ preventScroll: true });
  }, [current]);

  function go(index: number): void {
    const row = rows[Math.max(0, Math.min(rows.length - 1, index))];
    if (!row) return;
    session.editor.select([row.node.id]);
    session.ask("reveal", row.node.id);
  }

  function key(event: KeyboardEvent): void {
    const handled = (() => {
      if (event.ctrlKey || event.metaKey) return false;
      if (event.altKey) {
        const ways = { ArrowUp: "up", ArrowDown: "down", ArrowLeft: "left", ArrowRight: "right" } as const;
        const way = ways[event.key as keyof typeof ways];
        if (!way) return false;
        session.moveSelected(way, event.shiftKey);
        return true;
      }
      switch (event.key) {
        case "ArrowDown":
          go(at + 1);
          return true;
        case "ArrowUp":
          go(stop - 1);
          return true;
        case "Home":
          go(0);
          return true;
        case "End":
          go(rows.length - 1);
          return true;
        case "ArrowLeft": {
          const host = rows.slice(0, stop).findLastIndex((row) => row.level === 1);
          if (rows[stop]?.level === 2 && host >= 0) go(host);
          return true;
        }
        case "ArrowRight":
          if (rows[stop]?.level === 1 && rows[stop + 1]?.level === 2) go(stop + 1);
          return true;
        case "Enter":
          return perform(session, "open");
        case " ":
          return perform(session, "toggle");
        case "Delete":
        case "Backspace":
          session.removeSelected();
          return true;
        default:
          return false;
      }
    })();
    if (handled) {
      event.preventDefault();
      event.stopPropagation();
    }
  }

  if (rows.length === 0) return <p className="p-4 text-mute">No nodes yet. Press N, or drag one onto the canvas.</p>;
  return (
    <div
      ref={list}
      role="tree"
      aria-label="Outline of the workflow"
      aria-multiselectable="true"
      className="p-1.5"
      onKeyDown={key}
    >
      {rows.map((row, index) => (
        <Row
          key={row.node.id}
          row={row}
          stop={index === stop}
          selected={selection.has(row.node.id)}
          onChoose={() => go(index)}
        />
      ))}
    </div>
  );
}

function Row({
  row,
  stop,
  selected,
  onChoose,
}: {
  row: OutlineRow;
  stop: boolean;
  selected: boolean;
  onChoose: () => void;
}) {
  const { findings, views } = useFacts();
  const found = useKeyed(findings, row.node.id);
  const view = useKeyed(views, row.node.id);
  const Icon = (found?.errors ?? 0) > 0 ? CircleAlert : TriangleAlert;
  return (
    // biome-ignore lint/a11y/useKeyWithClickEvents: the tree has the keys
    <div
      role="treeitem"
      data-row={row.node.id}
      aria-level={row.level}
      aria-selected={selected}
      aria-posinset={row.position}
      aria-setsize={Math.max(1, row.siblings)}
      tabIndex={stop ? 0 : -1}
      onClick={onChoose}
      className={cx(
        "flex cursor-pointer items-center gap-2 rounded-md py-1.5 pr-2",
        row.level === 2 ? "pl-7" : "pl-1.5",
        selected ? "bg-accent-soft" : "hover:bg-sunken",
      )}
    >
      <KindTile node={row.node} small />
      <span className="min-w-0 flex-1">
        <span className="block truncate">
          <Shorten text={row.name} most={80} />
          <span className="sr-only">, {row.kind}</span>
        </span>
        {view ? (
          <StatusMark look={view.look} />
        ) : row.after.length === 0 ? (
          <span className="sr-only"> starts at once</span>
        ) : (
          <span className="block truncate text-xs leading-4 text-mute">
            after <Shorten text={row.after.join(", ")} most={80} />
          </span>
        )}
      </span>
      {found && found.findings.length > 0 && (
        <Icon
          aria-label={`${found.findings.length} problems`}
          size={14}
          className={cx("shrink-0", found.errors > 0 ? "text-danger" : "text-amber-700 dark:text-amber-300")}
        />
      )}
    </div>
  );
}
