// Says when the live connection is gone: since when nothing was heard, and when it is tried again.
"use client";
import { Ago, Bar } from "@/components/shell/connection-bar";
import { Button } from "@/components/ui/button";
import { useNow } from "@/hooks/use-now";
import type { Connection } from "@/lib/live/socket";

export interface LiveBarProps {
  connection: Connection;
  heardAt: number | null;
  onRetry: () => void;
}

export function LiveBar({ connection, heardAt, onRetry }: LiveBarProps) {
  const trying = connection.state === "connecting" && connection.tries > 0;
  if (connection.state !== "waiting" && !trying) return null;
  return (
    <Bar>
      <span className="flex flex-wrap items-center gap-x-2 gap-y-1">
        <span>
          Reconnecting
          {heardAt !== null && (
            <>
              , last event <Ago at={heardAt} />
            </>
          )}
          .
        </span>
        {connection.state === "waiting" && <NextTry at={connection.retryAt} />}
        <Button size="sm" variant="ghost" className="h-6" onClick={onRetry}>
          Try now
        </Button>
      </span>
    </Bar>
  );
}

function NextTry({ at }: { at: number }) {
  const seconds = Math.max(0, Math.ceil((at - useNow()) / 1000));
  // not read out: it changes every second
  return (
    <span aria-hidden className="nums text-xs">
      {seconds > 0 ? `Next try in ${seconds} s.` : "Trying…"}
    </span>
  );
}
