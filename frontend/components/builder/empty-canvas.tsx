// What the canvas says while there is nothing on it: how to begin.
"use client";
import { Bot, FileUp, LayoutTemplate } from "lucide-react";
import { Button } from "@/components/ui/button";
import { Keys } from "@/components/ui/keys";
import { useSession } from "./context";
import { useImport } from "./use-import";

export function EmptyCanvas() {
  const session = useSession();
  const [input, choose] = useImport();
  return (
    <div className="pointer-events-none absolute inset-0 flex items-center justify-center p-6">
      <div className="pointer-events-auto flex max-w-md flex-col items-center gap-3 rounded-xl border border-line bg-surface px-8 py-7 text-center shadow-card">
        <h2 className="text-base font-semibold">An empty canvas</h2>
        <p className="text-ink-2">
          Drag a node from the left, or press <Keys of="N" />. Models of the demo provider need no key and cost nothing
          real.
        </p>
        <div className="mt-1 flex flex-wrap justify-center gap-2">
          <Button
            variant="primary"
            size="sm"
            icon={<Bot aria-hidden size={14} />}
            onClick={() => session.open({ kind: "add", after: null, at: null })}
          >
            Add the first node
          </Button>
          <Button
            size="sm"
            icon={<LayoutTemplate aria-hidden size={14} />}
            onClick={() => session.open({ kind: "templates" })}
          >
            Use a template
          </Button>
          <Button size="sm" icon={<FileUp aria-hidden size={14} />} onClick={choose}>
            Import JSON
          </Button>
        </div>
        {input}
      </div>
    </div>
  );
}
