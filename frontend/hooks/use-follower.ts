// A run, live, for as long as the component is on the page.
import { useEffect, useMemo, useSyncExternalStore } from "react";
import { keyRequired, socketProtocols } from "@/lib/api/auth";
import { api } from "@/lib/api/client";
import type { SocketLike } from "@/lib/live/socket";
import { Follower } from "@/lib/run/follower";
import { isTerminal } from "@/lib/status";

const POLL_MS = 5_000;

function connect(execution: string, after: number): SocketLike {
  const scheme = window.location.protocol === "https:" ? "wss" : "ws";
  const url = `${scheme}://${window.location.host}/ws/executions/${encodeURIComponent(execution)}?after=${after}`;
  return new WebSocket(url, socketProtocols()) as SocketLike;
}

/** Draws with the next frame; a hidden tab has no frames, so there it is a timer. */
function soon(callback: () => void): void {
  if (document.visibilityState === "visible") requestAnimationFrame(() => callback());
  else setTimeout(callback, 250);
}

export function useFollower(execution: string) {
  const follower = useMemo(
    () =>
      new Follower({
        fetchExecution: (signal) => api.execution(execution, signal),
        fetchEvents: (after, signal) => api.events(execution, after, signal),
        connect: (after) => connect(execution, after),
        soon,
      }),
    [execution],
  );

  useEffect(() => {
    follower.start();
    const wake = () => {
      if (document.visibilityState === "visible") follower.wake();
    };
    const poll = setInterval(() => {
      const { status } = follower.get().run;
      if (status !== null && !isTerminal(status)) follower.poll();
    }, POLL_MS);
    const unlocked = keyRequired.subscribe(() => {
      if (!keyRequired.get()) wake();
    });
    window.addEventListener("online", wake);
    document.addEventListener("visibilitychange", wake);
    return () => {
      clearInterval(poll);
      unlocked();
      window.removeEventListener("online", wake);
      document.removeEventListener("visibilitychange", wake);
      follower.stop();
    };
  }, [follower]);

  const state = useSyncExternalStore(follower.subscribe, follower.get, follower.get);
  return { follower, state };
}
