// A scraper job, live while it is made: the WebSocket's states go into the cache, and the whole job is asked for when a new
// step begins (that is when analysis, code and sample change).
import { useQueryClient } from "@tanstack/react-query";
import { useEffect, useMemo, useRef, useState } from "react";
import { keyRequired, socketProtocols } from "@/lib/api/auth";
import type { Job, JobState } from "@/lib/api/scraper-types";
import { type Connection, LiveSocket, type SocketLike } from "@/lib/live/socket";
import { isSettled, withState } from "@/lib/scrapers/states";
import { scraperKeys, useScraper } from "./scrapers";

function connect(id: string): SocketLike {
  const scheme = window.location.protocol === "https:" ? "wss" : "ws";
  const url = `${scheme}://${window.location.host}/ws/scraping/jobs/${encodeURIComponent(id)}`;
  return new WebSocket(url, socketProtocols()) as SocketLike;
}

export function useJob(id: string) {
  const client = useQueryClient();
  const query = useScraper(id);
  const [connection, setConnection] = useState<Connection>({ state: "idle" });
  const [heardAt, setHeardAt] = useState<number | null>(null);
  const seen = useRef("");

  const socket = useMemo(
    () =>
      new LiveSocket<JobState>({
        connect: () => connect(id),
        // every message is a whole state, so there is nothing to go on from
        lastSeq: () => 0,
        onConnection: (next) => {
          setConnection(next);
          // over, or gone: what it came to is known to the server alone
          if (next.state === "ended") void client.invalidateQueries({ queryKey: scraperKeys.one(id), exact: true });
        },
        onEvent: (state) => {
          setHeardAt(Date.now());
          client.setQueryData<Job>(scraperKeys.one(id), (job) => (job ? withState(job, state) : job));
          const step = `${state.status} ${state.code_version ?? ""}`;
          if (step === seen.current) return;
          seen.current = step;
          void client.invalidateQueries({ queryKey: scraperKeys.one(id), exact: true });
        },
      }),
    [id, client],
  );

  const following = query.data !== undefined && !isSettled(query.data.status);
  useEffect(() => {
    if (!following) return;
    seen.current = "";
    socket.open();
    const wake = () => {
      if (document.visibilityState === "visible") socket.hurry();
    };
    const unlocked = keyRequired.subscribe(() => {
      if (!keyRequired.get()) wake();
    });
    window.addEventListener("online", wake);
    document.addEventListener("visibilitychange", wake);
    return () => {
      unlocked();
      window.removeEventListener("online", wake);
      document.removeEventListener("visibilitychange", wake);
      socket.close();
      void client.invalidateQueries({ queryKey: scraperKeys.all });
    };
  }, [following, socket, client]);

  // an answer to a question is news as well
  const latest = Math.max(heardAt ?? 0, query.dataUpdatedAt);
  return { query, connection, heardAt: latest === 0 ? null : latest, hurry: () => socket.hurry() };
}
