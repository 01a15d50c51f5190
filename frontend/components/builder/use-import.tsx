// Reading a workflow from a file into the open builder: one step that can be undone.
"use client";
import { type ReactNode, useRef } from "react";
import { describeError } from "@/lib/api/errors";
import { parseDocument } from "@/lib/documents";
import { toast } from "@/lib/toasts";
import { useSession } from "./context";

export function useImport(): [input: ReactNode, choose: () => void] {
  const session = useSession();
  const file = useRef<HTMLInputElement>(null);
  const input = (
    <input
      ref={file}
      type="file"
      accept="application/json,.json"
      className="hidden"
      aria-label="Workflow file"
      onChange={async (event) => {
        const chosen = event.target.files?.[0];
        event.target.value = "";
        if (!chosen) return;
        try {
          session.replace(`Imported ${chosen.name}`, parseDocument(await chosen.text()));
        } catch (error) {
          toast(describeError(error).message, "error");
        }
      }}
    />
  );
  return [input, () => file.current?.click()];
}
