// Goes on with a run that ended early: with what limit, from where, and what that keeps.
"use client";
import { RotateCw } from "lucide-react";
import { type FormEvent, useState } from "react";
import { Button } from "@/components/ui/button";
import { Dialog, DialogBody, DialogFooter } from "@/components/ui/dialog";
import { Field, Input, Select } from "@/components/ui/field";
import { ErrorNote } from "@/components/ui/states";
import { api } from "@/lib/api/client";
import type { ExecutionStatus, WorkflowDocument } from "@/lib/api/types";
import { formatUsd, parseUsdField, usdFieldValue } from "@/lib/format/money";
import { plural } from "@/lib/format/text";
import { savingOf } from "@/lib/run/saving";
import type { RunState } from "@/lib/run/state";

export interface ResumeDialogProps {
  open: boolean;
  onOpenChange: (open: boolean) => void;
  execution: string;
  run: RunState;
  status: ExecutionStatus;
  document: WorkflowDocument | undefined;
  /** The node to begin with. */
  from?: string;
  onResumed: () => void;
}

export function ResumeDialog(props: ResumeDialogProps) {
  return (
    <Dialog
      open={props.open}
      onOpenChange={props.onOpenChange}
      title="Resume this run"
      description="It goes on where it stopped, on the same version of the workflow."
    >
      <ResumeForm {...props} />
    </Dialog>
  );
}

function ResumeForm({ onOpenChange, execution, run, status, document, from: first, onResumed }: ResumeDialogProps) {
  const stopped = status === "budget_exceeded";
  const [limit, setLimit] = useState(() =>
    usdFieldValue(stopped && run.limitUsd !== null ? run.limitUsd * 2 : run.limitUsd),
  );
  const finished = status === "succeeded";
  const [from, setFrom] = useState(first ?? "");
  const [wrong, setWrong] = useState<string | undefined>(undefined);
  const [error, setError] = useState<unknown>(null);
  const [busy, setBusy] = useState(false);
  const { kept, usd: saved, repeated } = savingOf(run, document, from === "" ? null : from);
  const choices = run.order.filter((id) => (run.nodes.get(id)?.attempts.length ?? 0) > 0);

  async function submit(event: FormEvent) {
    event.preventDefault();
    const cap = parseUsdField(limit);
    if (cap === undefined) {
      setWrong("Enter an amount in dollars, like 0.50.");
      return;
    }
    setWrong(undefined);
    setError(null);
    setBusy(true);
    try {
      await api.resume(execution, {
        ...(cap !== null && cap !== run.limitUsd ? { budget: { limit_usd: cap } } : {}),
        ...(from === "" ? {} : { from_node: from }),
      });
      onOpenChange(false);
      onResumed();
    } catch (caught) {
      setError(caught);
      setBusy(false);
    }
  }

  return (
    <form onSubmit={submit} noValidate>
      <DialogBody>
        <Field
          label="Total budget, US dollars"
          error={wrong}
          help={
            <span className="nums">
              {formatUsd(run.spentUsd)} is spent already{stopped && "; it stopped because the next call did not fit"}.
            </span>
          }
        >
          {(props) => (
            <Input
              {...props}
              inputMode="decimal"
              className="nums"
              placeholder="as before"
              value={limit}
              onChange={(event) => setLimit(event.target.value)}
            />
          )}
        </Field>
        <Field label="From" help="Choosing a node repeats it and everything that depends on it.">
          {(props) => (
            <Select {...props} value={from} onChange={(event) => setFrom(event.target.value)}>
              {!finished && <option value="">where it stopped</option>}
              {choices.map((id) => (
                <option key={id} value={id}>
                  {id}
                </option>
              ))}
            </Select>
          )}
        </Field>
        <p className="nums rounded-md border bg-sunken px-3 py-2 text-ink-2">
          {kept.length === 0 ? (
            "Nothing is kept: everything is done again."
          ) : (
            <>
              Keeps {plural(kept.length, "finished node")} and so saves{" "}
              <strong className="font-semibold text-ink">{formatUsd(saved)}</strong>
              {from !== "" && repeated > 0 && <>; {plural(repeated, "node")} may be done again</>}.
            </>
          )}
        </p>
        {error !== null && <ErrorNote error={error} />}
      </DialogBody>
      <DialogFooter>
        <Button onClick={() => onOpenChange(false)}>Not now</Button>
        <Button type="submit" variant="primary" disabled={busy} icon={<RotateCw aria-hidden size={14} />}>
          {busy ? "Resuming…" : "Resume"}
        </Button>
      </DialogFooter>
    </form>
  );
}
