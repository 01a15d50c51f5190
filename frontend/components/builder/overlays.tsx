// The dialogs of the builder: adding, connecting, finding, commands, templates, keys. Most are the same picker.
"use client";
import { useCallback, useState } from "react";
import { KindTile } from "@/components/canvas/nodes";
import { Dialog, DialogBody } from "@/components/ui/dialog";
import { Keys } from "@/components/ui/keys";
import { Picker, type PickItem } from "@/components/ui/picker";
import { shorten } from "@/components/ui/shorten";
import { useObservable } from "@/hooks/use-observable";
import { KINDS, searchKinds } from "@/lib/builder/catalog";
import { type Connection, casesOf, nodeById, targetsFrom } from "@/lib/builder/graph";
import { findNodes } from "@/lib/builder/outline";
import { SHORTCUTS, singleKeys } from "@/lib/builder/shortcuts";
import { ingredientsOf } from "@/lib/documents";
import { examples } from "@/lib/examples";
import { plural } from "@/lib/format/text";
import { nameOf } from "@/lib/nodes";
import { CommandPalette } from "./command-palette";
import { useSession } from "./context";
import { VersionDialog } from "./versions-tab";

export function Overlays({ workflow }: { workflow: string | null }) {
  const session = useSession();
  const overlay = useObservable(session.overlay);
  const close = useCallback(() => {
    session.close();
    requestAnimationFrame(() => {
      // whoever had the focus is back; if nobody had, it is the canvas
      if (document.activeElement === document.body || document.activeElement === null) session.ask("focus");
    });
  }, [session]);
  switch (overlay.kind) {
    case "add":
      return <Add after={overlay.after} at={overlay.at} onClose={close} />;
    case "insert":
      return <Insert edge={overlay.edge} onClose={close} />;
    case "connect":
      return <Connect source={overlay.source} onClose={close} />;
    case "find":
      return <Find onClose={close} />;
    case "palette":
      return <CommandPalette onClose={close} />;
    case "help":
      return <Help onClose={close} />;
    case "templates":
      return <TemplatePicker onClose={close} />;
    case "version":
      return workflow === null ? null : <VersionDialog workflow={workflow} version={overlay.version} onClose={close} />;
    default:
      return null;
  }
}

function kindItems(text: string): PickItem[] {
  return searchKinds(text).map((kind) => ({
    key: kind.key,
    label: kind.label,
    detail: kind.does,
    icon: <KindTile node={{ type: kind.type, config: kind.config }} />,
  }));
}

type After = { source: string; sourceHandle: string | null } | null;

function Add({ after, at, onClose }: { after: After; at: { x: number; y: number } | null; onClose: () => void }) {
  const session = useSession();
  const [linked, setLinked] = useState(true);
  const source = nodeById(session.document, after?.source ?? null);
  return (
    <Picker
      title="Add a node"
      placeholder="Agent, HTTP request, conditional …"
      items={kindItems}
      onClose={onClose}
      onPick={(key) => {
        const kind = KINDS.find((one) => one.key === key);
        onClose();
        if (kind) session.add(kind, linked ? after : null, at);
        session.ask("focus");
      }}
    >
      {after && source && (
        <label className="flex cursor-pointer items-center gap-2 border-b px-4 py-2 text-xs text-ink-2">
          <input
            type="checkbox"
            className="size-3.5 accent-(--accent)"
            checked={linked}
            onChange={(event) => setLinked(event.target.checked)}
          />
          Connect it after “{shorten(nameOf(source, source.id), 60)}”
          {after.sourceHandle ? `, when ${after.sourceHandle}` : ""}
        </label>
      )}
    </Picker>
  );
}

function Insert({ edge, onClose }: { edge: string; onClose: () => void }) {
  const session = useSession();
  return (
    <Picker
      title="Put a node in between"
      placeholder="Agent, HTTP request, conditional …"
      items={kindItems}
      onClose={onClose}
      onPick={(key) => {
        const kind = KINDS.find((one) => one.key === key);
        onClose();
        if (kind) session.insert(edge, kind);
        session.ask("focus");
      }}
    />
  );
}

/** The marked node is the source; only what fits can be chosen. */
function Connect({ source, onClose }: { source: string; onClose: () => void }) {
  const session = useSession();
  const node = nodeById(session.document, source);
  const items = useCallback(
    (text: string): PickItem[] => {
      if (!node) return [];
      const handles = node.type === "conditional" ? casesOf(node) : [null];
      const words = text.toLowerCase().split(/\s+/).filter(Boolean);
      return handles.flatMap((handle) =>
        targetsFrom(session.document, node.id, handle).flatMap((wanted): PickItem[] => {
          const target = nodeById(session.document, wanted.target);
          if (!target) return [];
          const name = shorten(nameOf(target, target.id), 80);
          const label = wanted.targetHandle === null ? name : `${name}, as its tool`;
          const hay = `${label} ${target.id} ${handle ?? ""}`.toLowerCase();
          if (!words.every((word) => hay.includes(word))) return [];
          return [
            {
              key: JSON.stringify(wanted),
              label,
              detail: handle === null ? target.id : `when ${handle}`,
              icon: <KindTile node={target} />,
              ...(handle === null ? {} : { group: `When ${handle}` }),
            },
          ];
        }),
      );
    },
    [node, session],
  );
  if (!node) return null;
  return (
    <Picker
      title={`Connect ${shorten(nameOf(node, node.id), 60)} to`}
      placeholder={`From ${shorten(nameOf(node, node.id), 40)} to …`}
      items={items}
      empty="Nothing here can be connected to it."
      onClose={onClose}
      onPick={(key) => {
        onClose();
        session.connect(JSON.parse(key) as Connection);
        session.ask("focus");
      }}
    />
  );
}

function Find({ onClose }: { onClose: () => void }) {
  const session = useSession();
  const items = useCallback(
    (text: string): PickItem[] =>
      findNodes(session.document, text).map((node) => ({
        key: node.id,
        label: shorten(nameOf(node, node.id), 100),
        detail: node.id,
        icon: <KindTile node={node} />,
      })),
    [session],
  );
  return (
    <Picker
      title="Find a node"
      placeholder="Name, id, or anything in its settings"
      items={items}
      onClose={onClose}
      onPick={(id) => {
        onClose();
        session.jump(id);
        session.ask("focus");
        session.ask("reveal", id);
      }}
    />
  );
}

function TemplatePicker({ onClose }: { onClose: () => void }) {
  const session = useSession();
  const items = useCallback(
    (text: string): PickItem[] =>
      examples
        .filter(({ document }) =>
          `${document.name} ${document.description ?? ""}`.toLowerCase().includes(text.toLowerCase()),
        )
        .map(({ slug, document }) => ({
          key: slug,
          label: document.name,
          detail: document.description,
          hint: plural(ingredientsOf(document).nodes, "node"),
        })),
    [],
  );
  return (
    <Picker
      title="Start from a template"
      placeholder="Search templates"
      items={items}
      onClose={onClose}
      onPick={(slug) => {
        const found = examples.find((one) => one.slug === slug);
        onClose();
        if (found) session.replace(`Started from ${found.document.name}`, structuredClone(found.document));
      }}
    />
  );
}

function Help({ onClose }: { onClose: () => void }) {
  const singles = useObservable(singleKeys);
  return (
    <Dialog
      open
      onOpenChange={(open) => !open && onClose()}
      title="Keys"
      description="They do nothing while you type."
      wide
    >
      <DialogBody>
        <dl className="grid gap-x-8 gap-y-1.5 sm:grid-cols-2">
          {[
            ["←+→+↑+↓", "Walk from node to node"] as const,
            ["Alt+←+→+↑+↓", "Move; with Shift, further"] as const,
            ["Mod+C", "Copy, in any tab paste with V"] as const,
            ...SHORTCUTS.filter((one) => !one.hidden).map((one) => [one.keys, one.words] as const),
          ].map(([keys, words]) => (
            <div key={`${keys} ${words}`} className="flex items-center justify-between gap-3 border-b py-1">
              <dt className="text-ink-2">{words}</dt>
              <dd className="shrink-0">
                <Keys of={keys} />
              </dd>
            </div>
          ))}
        </dl>
        <p className="text-xs text-mute">
          Single letters and digits are {singles ? "on" : "off"}; switch them in Settings. With the mouse: drag from a
          dot to connect, hold Shift and drag to select several.
        </p>
      </DialogBody>
    </Dialog>
  );
}
