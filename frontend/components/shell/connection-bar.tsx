// Says when the server does not answer, looks whether it is back, and then refreshes everything. Run pages have a bar of
// their own, which knows about events.
"use client";
import { useQueryClient } from "@tanstack/react-query";
import { WifiOff } from "lucide-react";
import { usePathname } from "next/navigation";
import { useEffect } from "react";
import { useNow } from "@/hooks/use-now";
import { useObservable } from "@/hooks/use-observable";
import { answered, reachability } from "@/lib/api/reachability";
import { formatAgo } from "@/lib/format/time";
import { idsOf } from "@/lib/routes";

const PING_MS = 2_000;

export function ConnectionBar() {
  const { lost, answeredAt } = useObservable(reachability);
  const pathname = usePathname();
  const client = useQueryClient();

  useEffect(() => {
    if (!lost) return;
    const ping = async () => {
      try {
        await fetch("/healthz", { cache: "no-store" });
        answered();
        await client.invalidateQueries();
      } catch {
        // still away
      }
    };
    const timer = setInterval(ping, PING_MS);
    return () => clearInterval(timer);
  }, [lost, client]);

  if (!lost || idsOf(pathname).execution !== null) return null;
  return (
    <Bar>
      Reconnecting to the server
      {answeredAt !== null && (
        <>
          , last answer <Ago at={answeredAt} />
        </>
      )}
    </Bar>
  );
}

export function Ago({ at }: { at: number }) {
  return <span className="nums">{formatAgo(at, useNow(), 1)}</span>;
}

export function Bar({ children }: { children: React.ReactNode }) {
  return (
    <div
      role="status"
      className="mb-4 flex items-center gap-2.5 rounded-md border border-amber-300 bg-amber-50 px-3 py-2 text-sm text-amber-950 dark:border-amber-500/40 dark:bg-amber-500/10 dark:text-amber-200"
    >
      <WifiOff aria-hidden size={15} className="shrink-0" />
      <p>{children}</p>
    </div>
  );
}
