// What can be done with a run: cancel it, go on with it, run its workflow again.
"use client";
import { useQueryClient } from "@tanstack/react-query";
import { Ban, Play, RotateCw } from "lucide-react";
import { useState } from "react";
import { Button } from "@/components/ui/button";
import { RunDialog } from "@/components/workflows/run-dialog";
import { keys } from "@/hooks/queries";
import { api } from "@/lib/api/client";
import { describeError } from "@/lib/api/errors";
import type { JsonObject, WorkflowDocument } from "@/lib/api/types";
import { isResumable } from "@/lib/status";
import { toast } from "@/lib/toasts";
import type { RunHeadProps } from "./head";
import { ResumeDialog } from "./resume-dialog";

export function Actions({ execution, run, status, document, onChanged, onResumed }: RunHeadProps) {
  const client = useQueryClient();
  const [cancelling, setCancelling] = useState(false);
  const [resuming, setResuming] = useState(false);
  const [again, setAgain] = useState(false);
  const live = status === "running" || status === "queued";

  async function cancel() {
    setCancelling(true);
    try {
      await api.cancel(execution);
      void client.invalidateQueries({ queryKey: keys.executions });
    } catch (error) {
      toast(describeError(error).message, "error");
    } finally {
      setCancelling(false);
      onChanged();
    }
  }

  return (
    <>
      {live && (
        <Button variant="danger" icon={<Ban aria-hidden size={15} />} disabled={cancelling} onClick={cancel}>
          {cancelling ? "Cancelling…" : "Cancel run"}
        </Button>
      )}
      {!live && document && run.workflowId !== null && (
        <Button icon={<Play aria-hidden size={15} />} onClick={() => setAgain(true)}>
          Run again
        </Button>
      )}
      {isResumable(status) && (
        <Button variant="primary" icon={<RotateCw aria-hidden size={15} />} onClick={() => setResuming(true)}>
          Resume
        </Button>
      )}
      <ResumeDialog
        open={resuming}
        onOpenChange={setResuming}
        execution={execution}
        run={run}
        status={status}
        onResumed={onResumed}
      />
      {document && run.workflowId !== null && (
        <RunDialog
          open={again}
          onOpenChange={setAgain}
          document={withInputs(document, run.inputs)}
          workflowId={async () => run.workflowId ?? ""}
        />
      )}
    </>
  );
}

/** The same document with the inputs of this run as defaults. */
function withInputs(document: WorkflowDocument, inputs: unknown): WorkflowDocument {
  const properties = document.inputs?.properties;
  if (typeof properties !== "object" || properties === null || Array.isArray(properties)) return document;
  if (typeof inputs !== "object" || inputs === null) return document;
  const given = inputs as JsonObject;
  const filled = Object.fromEntries(
    Object.entries(properties).map(([name, schema]) => [
      name,
      Object.hasOwn(given, name) && typeof schema === "object" && schema !== null && !Array.isArray(schema)
        ? { ...schema, default: given[name] ?? null }
        : schema,
    ]),
  );
  return { ...document, inputs: { ...document.inputs, properties: filled } };
}
