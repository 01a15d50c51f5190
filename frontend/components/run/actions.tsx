// What can be done with a run: cancel it, go on with it, run its workflow again.
"use client";
import { Play, RotateCw } from "lucide-react";
import dynamic from "next/dynamic";
import { useState } from "react";
import { Button } from "@/components/ui/button";
import { useLater } from "@/hooks/use-later";
import type { JsonObject, WorkflowDocument } from "@/lib/api/types";
import { isResumable } from "@/lib/status";
import { CancelButton } from "./cancel-button";
import type { RunHeadProps } from "./head";

const RunDialog = dynamic(() => import("@/components/workflows/run-dialog").then((module) => module.RunDialog), {
  ssr: false,
});
const ResumeDialog = dynamic(() => import("./resume-dialog").then((module) => module.ResumeDialog), { ssr: false });
const RunMenu = dynamic(() => import("./run-menu").then((module) => module.RunMenu), { ssr: false });

export function Actions({ execution, run, status, document, onChanged, onResumed }: RunHeadProps) {
  const [resuming, setResuming] = useState(false);
  const [again, setAgain] = useState(false);
  const later = useLater();
  const live = status === "running" || status === "queued";

  return (
    <>
      {live && <CancelButton large execution={execution} onChanged={onChanged} />}
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
      {later && <RunMenu execution={execution} run={run} document={document} />}
      {resuming && (
        <ResumeDialog
          open={resuming}
          onOpenChange={setResuming}
          execution={execution}
          run={run}
          status={status}
          document={document}
          onResumed={onResumed}
        />
      )}
      {again && document && run.workflowId !== null && (
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
