// Whether the work is saved, in a few words beside its name.
"use client";
import { Check, CloudOff, LoaderCircle, OctagonX, TriangleAlert } from "lucide-react";
import { useNow } from "@/hooks/use-now";
import { useObservable } from "@/hooks/use-observable";
import { describeError } from "@/lib/api/errors";
import { formatAgo } from "@/lib/format/time";
import { useSession } from "./context";

const LINE = "inline-flex items-center gap-1.5 text-xs whitespace-nowrap";

export function SaveMark() {
  const session = useSession();
  const state = useObservable(session.autosave.state);
  return (
    <div data-save={state.phase} className="flex min-w-0 shrink items-center truncate">
      {state.phase === "saved" ? (
        <span className={`${LINE} text-mute`}>
          <Check aria-hidden size={13} />
          Saved <Ago at={state.at} />
        </span>
      ) : state.phase === "waiting" || state.phase === "saving" ? (
        <span className={`${LINE} text-mute`}>
          <LoaderCircle aria-hidden size={13} className="spin-slow" />
          Saving…
        </span>
      ) : state.phase === "offline" ? (
        <span className={`${LINE} text-amber-900 dark:text-amber-300`} title={describeError(state.error).message}>
          <CloudOff aria-hidden size={13} />
          Not saved, trying again
        </span>
      ) : state.phase === "conflict" ? (
        <span className={`${LINE} text-amber-900 dark:text-amber-300`}>
          <TriangleAlert aria-hidden size={13} />
          Changed elsewhere
        </span>
      ) : state.phase === "refused" ? (
        <span className={`${LINE} text-danger`} title={describeError(state.error).message}>
          <OctagonX aria-hidden size={13} />
          Cannot be saved: {describeError(state.error).message.slice(0, 80)}
        </span>
      ) : (
        <span className={`${LINE} text-mute`}>Not saved yet</span>
      )}
    </div>
  );
}

function Ago({ at }: { at: number }) {
  return <span className="nums">{formatAgo(at, useNow())}</span>;
}
