// Tells screen readers what happens in a run while it happens; nothing about what was there before.
"use client";
import { useEffect, useRef, useState } from "react";
import { shorten } from "@/components/ui/shorten";
import type { WorkflowNode } from "@/lib/api/types";
import { nameOf } from "@/lib/nodes";
import { type Announcements, announcements } from "@/lib/run/announcements";
import { describeEvent } from "@/lib/run/describe";
import type { RunState } from "@/lib/run/state";

export function Announcer({ run, nodes }: { run: RunState; nodes: ReadonlyMap<string, WorkflowNode> }) {
  const [text, setText] = useState("");
  const queue = useRef<Announcements | null>(null);
  const told = useRef(run.lastSeq);

  useEffect(() => {
    const current = announcements(setText);
    queue.current = current;
    return () => current.stop();
  }, []);

  useEffect(() => {
    const event = run.events.at(-1);
    if (!event || event.seq <= told.current) return;
    told.current = event.seq;
    const who = event.agent_id === null ? "" : `${shorten(nameOf(nodes.get(event.agent_id), event.agent_id), 60)} `;
    queue.current?.say(`${who}${describeEvent(event).text}`);
  }, [run.events, nodes]);

  return (
    <p aria-live="polite" className="sr-only">
      {text}
    </p>
  );
}
