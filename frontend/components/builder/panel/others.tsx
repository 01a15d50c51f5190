// Properties of several nodes at once, and of a connection.
"use client";
import {
  AlignCenterHorizontal,
  AlignCenterVertical,
  AlignEndHorizontal,
  AlignEndVertical,
  AlignHorizontalSpaceAround,
  AlignStartHorizontal,
  AlignStartVertical,
  AlignVerticalSpaceAround,
  Copy,
  Plus,
  Trash2,
} from "lucide-react";
import { Button } from "@/components/ui/button";
import { Select } from "@/components/ui/field";
import { Shorten } from "@/components/ui/shorten";
import type { WorkflowEdge } from "@/lib/api/types";
import type { Alignment } from "@/lib/builder/arrange";
import { casesOf, isAttachment, nodeById } from "@/lib/builder/graph";
import { nameOf } from "@/lib/nodes";
import { useEditor, useSession } from "../context";

const ALIGNMENTS: [Alignment, string, typeof Copy][] = [
  ["left", "Align left", AlignStartVertical],
  ["center", "Align centres", AlignCenterVertical],
  ["right", "Align right", AlignEndVertical],
  ["top", "Align top", AlignStartHorizontal],
  ["middle", "Align middles", AlignCenterHorizontal],
  ["bottom", "Align bottom", AlignEndHorizontal],
];

const SQUARE =
  "inline-flex size-8 items-center justify-center rounded-md border border-line-strong text-ink-2 hover:bg-sunken hover:text-ink";

export function ManyPanel() {
  const session = useSession();
  const count = useEditor((state) => state.selection.nodes.size);
  return (
    <div className="space-y-4 p-3.5">
      <h2 className="text-sm font-semibold">{count} nodes selected</h2>
      <div className="flex flex-wrap gap-1.5">
        {ALIGNMENTS.map(([alignment, label, Icon]) => (
          <button
            key={alignment}
            type="button"
            className={SQUARE}
            aria-label={label}
            title={label}
            onClick={() => session.align(alignment)}
          >
            <Icon aria-hidden size={15} />
          </button>
        ))}
        <button
          type="button"
          className={SQUARE}
          aria-label="Spread evenly from left to right"
          title="Spread evenly from left to right"
          onClick={() => session.distribute("x")}
        >
          <AlignHorizontalSpaceAround aria-hidden size={15} />
        </button>
        <button
          type="button"
          className={SQUARE}
          aria-label="Spread evenly from top to bottom"
          title="Spread evenly from top to bottom"
          onClick={() => session.distribute("y")}
        >
          <AlignVerticalSpaceAround aria-hidden size={15} />
        </button>
      </div>
      <div className="flex flex-wrap gap-2">
        <Button size="sm" icon={<Copy aria-hidden size={13} />} onClick={() => session.duplicate()}>
          Duplicate
        </Button>
        <Button
          size="sm"
          variant="danger"
          icon={<Trash2 aria-hidden size={13} />}
          onClick={() => session.removeSelected()}
        >
          Remove
        </Button>
      </div>
      <p className="text-xs text-mute">Copying and pasting works across tabs, as JSON.</p>
    </div>
  );
}

export function EdgePanel({ edge }: { edge: WorkflowEdge }) {
  const session = useSession();
  const document = useEditor((state) => state.document);
  const source = nodeById(document, edge.source);
  const target = nodeById(document, edge.target);
  const cases = source ? casesOf(source) : [];
  return (
    <div className="space-y-4 p-3.5">
      <h2 className="text-sm font-semibold">{isAttachment(edge) ? "Attached tool" : "Connection"}</h2>
      <p className="wrap-anywhere">
        <button type="button" className="text-accent hover:underline" onClick={() => session.jump(edge.source)}>
          <Shorten text={nameOf(source, edge.source)} most={80} />
        </button>
        {isAttachment(edge) ? " is a tool of " : " → "}
        <button type="button" className="text-accent hover:underline" onClick={() => session.jump(edge.target)}>
          <Shorten text={nameOf(target, edge.target)} most={80} />
        </button>
      </p>
      {cases.length > 0 && (
        <div className="space-y-1">
          <label htmlFor="edge-case" className="text-xs font-medium text-ink-2">
            Taken when
          </label>
          <Select
            id="edge-case"
            value={edge.source_handle ?? ""}
            onChange={(event) =>
              session.editor.apply("Changed a connection's case", (before) => ({
                ...before,
                graph: {
                  ...before.graph,
                  edges: before.graph.edges.map((one) =>
                    one === edge ? { ...one, source_handle: event.target.value } : one,
                  ),
                },
              }))
            }
          >
            {!cases.includes(edge.source_handle ?? "") && (
              <option value={edge.source_handle ?? ""}>{edge.source_handle ?? "–"}</option>
            )}
            {cases.map((name) => (
              <option key={name} value={name}>
                {name}
              </option>
            ))}
          </Select>
        </div>
      )}
      <div className="flex flex-wrap gap-2">
        {!isAttachment(edge) && (
          <Button
            size="sm"
            icon={<Plus aria-hidden size={13} />}
            onClick={() => session.open({ kind: "insert", edge: edge.id ?? "" })}
          >
            Put a node in between
          </Button>
        )}
        <Button
          size="sm"
          variant="danger"
          icon={<Trash2 aria-hidden size={13} />}
          onClick={() => session.removeSelected()}
        >
          Remove
        </Button>
      </div>
    </div>
  );
}
