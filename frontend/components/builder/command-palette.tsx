// Everything that can be done, and every node, by typing.
"use client";
import {
  Download,
  FileJson,
  LayoutTemplate,
  ListTree,
  Play,
  Redo2,
  Save,
  Settings2,
  Undo2,
  WandSparkles,
} from "lucide-react";
import { useRouter } from "next/navigation";
import { type ReactNode, useCallback, useMemo } from "react";
import { KindTile } from "@/components/canvas/nodes";
import { Keys } from "@/components/ui/keys";
import { Picker, type PickItem } from "@/components/ui/picker";
import { shorten } from "@/components/ui/shorten";
import { download } from "@/components/workflows/download";
import { KINDS } from "@/lib/builder/catalog";
import { findNodes } from "@/lib/builder/outline";
import type { Session } from "@/lib/builder/session";
import { type Command, SHORTCUTS } from "@/lib/builder/shortcuts";
import { fileNameOf } from "@/lib/documents";
import { nameOf } from "@/lib/nodes";
import { routes } from "@/lib/routes";
import { useSession } from "./context";
import { perform } from "./use-keys";

interface Action {
  key: string;
  label: string;
  words?: string;
  icon?: ReactNode;
  shortcut?: Command;
  run: () => void;
  /** It opens something, so the palette must not give the focus back. */
  when?: () => boolean;
}

const icon = (Icon: typeof Play) => <Icon aria-hidden size={16} className="shrink-0 text-mute" />;

function actionsOf(session: Session, go: (address: string) => void): Action[] {
  const many = () => session.chosen().size > 1;
  const some = () => session.chosen().size > 0;
  return [
    { key: "run", label: "Run", icon: icon(Play), shortcut: "run", run: () => perform(session, "run") },
    { key: "add", label: "Add a node", shortcut: "add", run: () => perform(session, "add") },
    {
      key: "connect",
      label: "Connect this node to another",
      shortcut: "connect",
      run: () => perform(session, "connect"),
      when: some,
    },
    { key: "rename", label: "Rename this node", shortcut: "rename", run: () => perform(session, "rename"), when: some },
    { key: "duplicate", label: "Duplicate", shortcut: "duplicate", run: () => session.duplicate(), when: some },
    {
      key: "remove",
      label: "Remove what is selected",
      shortcut: "remove",
      run: () => perform(session, "remove"),
      when: some,
    },
    { key: "undo", label: "Undo", icon: icon(Undo2), shortcut: "undo", run: () => session.undo() },
    { key: "redo", label: "Do again", icon: icon(Redo2), shortcut: "redo", run: () => session.redo() },
    {
      key: "tidy",
      label: "Tidy up",
      words: "auto layout arrange",
      icon: icon(WandSparkles),
      shortcut: "tidy",
      run: () => session.tidy(),
    },
    { key: "left", label: "Align left", run: () => session.align("left"), when: many },
    { key: "center", label: "Align centres", run: () => session.align("center"), when: many },
    { key: "right", label: "Align right", run: () => session.align("right"), when: many },
    { key: "top", label: "Align top", run: () => session.align("top"), when: many },
    { key: "middle", label: "Align middles", run: () => session.align("middle"), when: many },
    { key: "bottom", label: "Align bottom", run: () => session.align("bottom"), when: many },
    { key: "spread-x", label: "Spread evenly from left to right", run: () => session.distribute("x"), when: many },
    { key: "spread-y", label: "Spread evenly from top to bottom", run: () => session.distribute("y"), when: many },
    { key: "all", label: "Select everything", shortcut: "select-all", run: () => session.selectAll() },
    { key: "fit", label: "Zoom to fit", shortcut: "zoom-fit", run: () => session.ask("fit") },
    { key: "reset", label: "Zoom to 100 %", shortcut: "zoom-reset", run: () => session.ask("reset") },
    { key: "outline", label: "Outline", icon: icon(ListTree), run: () => session.look({ left: "outline" }) },
    {
      key: "workflow",
      label: "Settings of the workflow: inputs, budget",
      icon: icon(Settings2),
      run: () => session.editor.select([], [], null),
    },
    { key: "problems", label: "Problems", run: () => session.look({ drawer: "problems" }) },
    { key: "cost", label: "Cost by node", words: "estimate", run: () => session.look({ drawer: "cost" }) },
    { key: "runs", label: "Runs of this workflow", run: () => session.look({ drawer: "runs" }) },
    { key: "versions", label: "Versions", words: "history restore", run: () => session.look({ drawer: "versions" }) },
    { key: "save", label: "Save now", icon: icon(Save), shortcut: "save", run: () => perform(session, "save") },
    {
      key: "export",
      label: "Export JSON",
      icon: icon(Download),
      run: () => download(fileNameOf(session.document.name), session.document),
    },
    {
      key: "copy",
      label: "Copy the workflow as JSON",
      icon: icon(FileJson),
      run: () => void navigator.clipboard?.writeText(JSON.stringify(session.document, null, 2)),
    },
    {
      key: "template",
      label: "Start from a template",
      icon: icon(LayoutTemplate),
      run: () => session.open({ kind: "templates" }),
    },
    { key: "help", label: "Keys", shortcut: "help", run: () => perform(session, "help") },
    { key: "home", label: "All workflows", run: () => go(routes.home()) },
  ];
}

export function CommandPalette({ onClose }: { onClose: () => void }) {
  const session = useSession();
  const router = useRouter();
  const actions = useMemo(() => actionsOf(session, (address) => router.push(address)), [session, router]);
  const byKey = new Map(actions.map((action) => [action.key, action]));

  const items = useCallback(
    (text: string): PickItem[] => {
      const words = text.toLowerCase().split(/\s+/).filter(Boolean);
      const fits = (hay: string) => words.every((word) => hay.toLowerCase().includes(word));
      const commands = actions
        .filter((action) => (!action.when || action.when()) && fits(`${action.label} ${action.words ?? ""}`))
        .map((action): PickItem => {
          const keys = SHORTCUTS.find((one) => one.command === action.shortcut)?.keys;
          return {
            key: `do ${action.key}`,
            label: action.label,
            icon: action.icon ?? <span className="w-4 shrink-0" />,
            group: "Commands",
            ...(keys === undefined ? {} : { hint: <Keys of={keys} /> }),
          };
        });
      const kinds = words.length === 0 ? [] : KINDS.filter((kind) => fits(`add ${kind.label} ${kind.words}`));
      const nodes = findNodes(session.document, text).slice(0, 50);
      return [
        ...commands,
        ...kinds.map(
          (kind): PickItem => ({
            key: `add ${kind.key}`,
            label: `Add ${kind.label}`,
            group: "Add",
            icon: <KindTile small node={{ type: kind.type, config: kind.config }} />,
          }),
        ),
        ...nodes.map(
          (node): PickItem => ({
            key: `go ${node.id}`,
            label: shorten(nameOf(node, node.id), 100),
            detail: node.id,
            group: "Nodes",
            icon: <KindTile small node={node} />,
          }),
        ),
      ];
    },
    [session, actions],
  );

  return (
    <Picker
      title="Commands"
      placeholder="What do you want to do?"
      items={items}
      onClose={onClose}
      onPick={(key) => {
        onClose();
        const [what, ...rest] = key.split(" ");
        const name = rest.join(" ");
        if (what === "do") byKey.get(name)?.run();
        else if (what === "add") {
          const kind = KINDS.find((one) => one.key === name);
          if (kind) session.add(kind, session.exitOf(session.editor.state.current), null);
        } else session.jump(name);
      }}
    />
  );
}
