// The corner where short messages appear; read out politely, gone after a while.
"use client";
import { X } from "lucide-react";
import { useEffect } from "react";
import { useObservable } from "@/hooks/use-observable";
import { dismiss, type Toast, toasts } from "@/lib/toasts";

const SHOWN_MS = 6_000;

export function Toaster() {
  const entries = useObservable(toasts);
  return (
    <div
      role="status"
      aria-live="polite"
      className="pointer-events-none fixed inset-x-3 bottom-18 z-50 flex flex-col items-end gap-2 md:bottom-4"
    >
      {entries.map((entry) => (
        <Entry key={entry.id} entry={entry} />
      ))}
    </div>
  );
}

function Entry({ entry }: { entry: Toast }) {
  useEffect(() => {
    const timer = setTimeout(() => dismiss(entry.id), SHOWN_MS);
    return () => clearTimeout(timer);
  }, [entry.id]);
  return (
    <div className="appearing pointer-events-auto flex max-w-sm items-start gap-3 rounded-lg border bg-raised py-2 pr-2 pl-3.5 shadow-lg">
      <p className={entry.tone === "error" ? "text-danger" : ""}>{entry.text}</p>
      <button
        type="button"
        aria-label="Dismiss"
        className="rounded p-0.5 text-mute hover:bg-sunken hover:text-ink"
        onClick={() => dismiss(entry.id)}
      >
        <X aria-hidden size={14} />
      </button>
    </div>
  );
}
