// Left of the canvas: what can be added, and the workflow as an outline.
"use client";
import { KIND_MIME } from "@/components/canvas/flow";
import { KindTile } from "@/components/canvas/nodes";
import { Tabs } from "@/components/ui/tabs";
import { useObservable } from "@/hooks/use-observable";
import { KINDS } from "@/lib/builder/catalog";
import { useSession } from "./context";
import { Outline } from "./outline";

export function Left() {
  const session = useSession();
  const { left } = useObservable(session.view);
  return (
    <aside aria-label="Add and outline" className="flex w-50 shrink-0 flex-col border-r bg-surface min-[1440px]:w-60">
      <Tabs
        label="Left side"
        className="h-full"
        value={left}
        onChange={(key) => session.look({ left: key })}
        tabs={[
          { key: "add", label: "Add" },
          { key: "outline", label: "Outline" },
        ]}
      >
        {left === "add" ? <Palette /> : <Outline />}
      </Tabs>
    </aside>
  );
}

function Palette() {
  const session = useSession();
  const groups = [...new Set(KINDS.map((kind) => kind.group))];
  return (
    <div className="space-y-3 p-2.5">
      {groups.map((group) => (
        <section key={group} aria-label={group}>
          <h2 className="px-1.5 pb-1 text-xs font-medium text-mute">{group}</h2>
          <ul className="space-y-0.5">
            {KINDS.filter((kind) => kind.group === group).map((kind) => (
              <li key={kind.key}>
                <button
                  type="button"
                  draggable
                  onDragStart={(event) => {
                    event.dataTransfer.setData(KIND_MIME, kind.key);
                    event.dataTransfer.effectAllowed = "copy";
                  }}
                  onClick={() => session.add(kind, null, null)}
                  className="flex w-full cursor-grab items-center gap-2.5 rounded-md px-1.5 py-1.5 text-left transition-colors hover:bg-sunken active:cursor-grabbing"
                >
                  <KindTile node={{ type: kind.type, config: kind.config }} />
                  <span className="min-w-0">
                    <span className="block font-medium">{kind.label}</span>
                    <span className="block text-xs leading-4 text-mute">{kind.does}</span>
                  </span>
                </button>
              </li>
            ))}
          </ul>
        </section>
      ))}
      <p className="px-1.5 text-xs text-mute">Drag onto the canvas, or press Enter.</p>
    </div>
  );
}
