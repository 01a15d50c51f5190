// Everything that was stored about a run, newest first; each entry can be opened to its data.
"use client";
import { memo, useState } from "react";
import { Button } from "@/components/ui/button";
import { Card } from "@/components/ui/card";
import { ScrollBox } from "@/components/ui/scroll-box";
import { Shorten } from "@/components/ui/shorten";
import { ValueView } from "@/components/ui/value";
import type { StoredEvent, WorkflowNode } from "@/lib/api/types";
import { plural } from "@/lib/format/text";
import { formatClock } from "@/lib/format/time";
import { nameOf } from "@/lib/nodes";
import { describeEvent } from "@/lib/run/describe";

const PAGE = 100;

export interface EventLogProps {
  events: StoredEvent[];
  nodes: ReadonlyMap<string, WorkflowNode>;
}

export function EventLog({ events, nodes }: EventLogProps) {
  const [shown, setShown] = useState(PAGE);
  const latest = events.slice(-shown).reverse();
  return (
    <Card title="Events" note={plural(events.length, "event")} flush>
      {events.length === 0 ? (
        <p className="p-4 text-mute">Nothing has happened yet.</p>
      ) : (
        <ScrollBox label="Event log" className="max-h-[34rem] overflow-y-auto focus-visible:-outline-offset-2">
          <ol className="divide-y">
            {latest.map((event) => (
              <Entry
                key={event.seq}
                event={event}
                name={event.agent_id && nameOf(nodes.get(event.agent_id), event.agent_id)}
              />
            ))}
          </ol>
          {events.length > shown && (
            <div className="border-t p-2 text-center">
              <Button size="sm" variant="ghost" onClick={() => setShown(shown + PAGE * 5)}>
                Show older events
              </Button>
            </div>
          )}
        </ScrollBox>
      )}
    </Card>
  );
}

const Entry = memo(function Entry({ event, name }: { event: StoredEvent; name: string | null }) {
  const [open, setOpen] = useState(false);
  const { text, detail } = describeEvent(event);
  const empty = Object.keys(event.data ?? {}).length === 0;
  const line = (
    <>
      <span className="nums w-7 shrink-0 text-right text-xs text-mute">{event.seq}</span>
      <span className="nums shrink-0 text-xs text-mute">{formatClock(event.timestamp)}</span>
      <span className="min-w-0 flex-1">
        <span className="block truncate">
          {name && (
            <span className="font-medium">
              <Shorten text={name} most={80} />{" "}
            </span>
          )}
          {text}
        </span>
        {detail && <span className="nums block truncate text-xs text-mute">{detail}</span>}
      </span>
    </>
  );
  const look = "flex w-full items-baseline gap-2.5 px-3 py-1.5 text-left";
  return (
    <li data-seq={event.seq} data-type={event.type}>
      {empty ? (
        <div className={look}>{line}</div>
      ) : (
        <button
          type="button"
          aria-expanded={open}
          onClick={() => setOpen(!open)}
          className={`${look} transition-colors hover:bg-sunken focus-visible:-outline-offset-2`}
        >
          {line}
        </button>
      )}
      {open && (
        <div className="px-3 pb-3">
          <ValueView value={event.data} label={`Data of event ${event.seq}`} />
        </div>
      )}
    </li>
  );
});
