// Goes through a run's stored events, back and forth or by itself: everything on the page shows that moment.
"use client";
import { Pause, Play, SkipBack, SkipForward, StepBack, StepForward } from "lucide-react";
import { useEffect, useRef, useState } from "react";
import { Shorten } from "@/components/ui/shorten";
import type { StoredEvent, WorkflowNode } from "@/lib/api/types";
import { formatClock } from "@/lib/format/time";
import { nameOf } from "@/lib/nodes";
import { describeEvent } from "@/lib/run/describe";

export interface ScrubberProps {
  events: readonly StoredEvent[];
  nodes: ReadonlyMap<string, WorkflowNode>;
  /** How many events have happened; null for all of them, whatever comes. */
  at: number | null;
  onMove: (at: number | null) => void;
}

const WHOLE_MS = 8_000;

export function Scrubber({ events, nodes, at, onMove }: ScrubberProps) {
  const [playing, setPlaying] = useState(false);
  const last = events.length;
  const here = at ?? last;
  const latest = useRef({ here, last, onMove });
  latest.current = { here, last, onMove };

  useEffect(() => {
    if (!playing) return;
    const step = Math.max(40, Math.min(700, WHOLE_MS / Math.max(1, latest.current.last)));
    const timer = setInterval(() => {
      const now = latest.current;
      if (now.here >= now.last) {
        setPlaying(false);
        now.onMove(null);
      } else now.onMove(now.here + 1);
    }, step);
    return () => clearInterval(timer);
  }, [playing]);

  const go = (to: number) => onMove(to >= last ? null : Math.max(0, to));
  const event = events[here - 1];
  const who = event?.agent_id ? nameOf(nodes.get(event.agent_id), event.agent_id) : "";
  const button =
    "inline-flex size-8 shrink-0 items-center justify-center rounded-md text-ink-2 hover:bg-sunken hover:text-ink disabled:opacity-40";
  return (
    <section aria-label="Replay" className="flex flex-wrap items-center gap-x-2 gap-y-1 border-t px-3 py-2">
      <div className="flex">
        <button
          type="button"
          className={button}
          aria-label="To the beginning"
          disabled={here === 0}
          onClick={() => go(0)}
        >
          <SkipBack aria-hidden size={15} />
        </button>
        <button
          type="button"
          className={button}
          aria-label="One event back"
          disabled={here === 0}
          onClick={() => go(here - 1)}
        >
          <StepBack aria-hidden size={15} />
        </button>
        <button
          type="button"
          className={button}
          aria-label={playing ? "Pause" : "Replay"}
          disabled={last === 0}
          onClick={() => {
            if (!playing && here >= last) onMove(0);
            setPlaying(!playing);
          }}
        >
          {playing ? <Pause aria-hidden size={15} /> : <Play aria-hidden size={15} />}
        </button>
        <button
          type="button"
          className={button}
          aria-label="One event on"
          disabled={here >= last}
          onClick={() => go(here + 1)}
        >
          <StepForward aria-hidden size={15} />
        </button>
        <button
          type="button"
          className={button}
          aria-label="To the end"
          disabled={at === null}
          onClick={() => onMove(null)}
        >
          <SkipForward aria-hidden size={15} />
        </button>
      </div>
      <input
        type="range"
        aria-label="Event"
        aria-valuetext={
          event ? `Event ${here} of ${last}: ${who} ${describeEvent(event).text}` : "Before the first event"
        }
        min={0}
        max={Math.max(1, last)}
        value={here}
        disabled={last === 0}
        onChange={(change) => {
          setPlaying(false);
          go(Number(change.target.value));
        }}
        className="min-w-40 flex-1 accent-(--accent)"
      />
      <p className="nums w-full truncate text-xs text-mute sm:w-72">
        {here} / {last}
        {event && (
          <>
            {" · "}
            {formatClock(event.timestamp)} ·{" "}
            <span className="text-ink-2">
              <Shorten text={who} most={40} />
            </span>{" "}
            {describeEvent(event).text}
          </>
        )}
      </p>
    </section>
  );
}
