// Starts a run: a form made from the inputs schema, the budget, and then the page of the new run. For a template, the
// workflow is created first, with the same button.
"use client";
import { useQueryClient } from "@tanstack/react-query";
import { Play } from "lucide-react";
import { useRouter } from "next/navigation";
import { type FormEvent, useEffect, useMemo, useRef, useState } from "react";
import { Button } from "@/components/ui/button";
import { Dialog, DialogBody, DialogFooter } from "@/components/ui/dialog";
import { Field, Input, Select } from "@/components/ui/field";
import { ErrorNote } from "@/components/ui/states";
import { keys } from "@/hooks/queries";
import { api } from "@/lib/api/client";
import { ApiError } from "@/lib/api/errors";
import type { Budget, WorkflowDocument } from "@/lib/api/types";
import { parseUsdField, usdFieldValue } from "@/lib/format/money";
import { randomKey } from "@/lib/ids";
import { routes } from "@/lib/routes";
import { type FormErrors, fieldsOf, initialValues, readForm, serverErrors } from "@/lib/schema-form";
import { InputsForm } from "./inputs-form";
import { RunEstimate } from "./run-estimate";

export interface RunDialogProps {
  open: boolean;
  onOpenChange: (open: boolean) => void;
  document: WorkflowDocument;
  /** Gives the workflow's id; creates it for a template. Asked at most once. */
  workflowId: () => Promise<string>;
  action?: string;
  /** What follows; the run's own page if nothing else is said. */
  onStarted?: (workflow: string, execution: string) => void;
}

const BUDGET = "budget.limit_usd";

export function RunDialog(props: RunDialogProps) {
  return (
    <Dialog
      open={props.open}
      onOpenChange={props.onOpenChange}
      title={`Run ${props.document.name}`}
      {...(props.document.description ? { description: props.document.description } : {})}
    >
      <RunForm {...props} />
    </Dialog>
  );
}

function RunForm({ document, workflowId, onOpenChange, action = "Run", onStarted }: RunDialogProps) {
  const router = useRouter();
  const client = useQueryClient();
  const fields = useMemo(() => fieldsOf(document.inputs), [document]);
  const [values, setValues] = useState(() => initialValues(fields));
  const [limit, setLimit] = useState(() => usdFieldValue(document.budget?.limit_usd));
  const [exhausted, setExhausted] = useState(document.budget?.on_exhausted ?? "stop");
  const [errors, setErrors] = useState<FormErrors>({});
  const [error, setError] = useState<unknown>(null);
  const [busy, setBusy] = useState(false);
  const created = useRef<Promise<string> | null>(null);
  const key = useRef({ body: "", key: "" });

  // the page of the run is needed in a moment; what is said before it listens is not heard
  useEffect(() => {
    if (onStarted === undefined) void import("@/components/pages/run");
  }, [onStarted]);

  async function start(inputs: Parameters<typeof api.execute>[1]["inputs"], budget: Budget | null) {
    created.current ??= workflowId();
    created.current.catch(() => {
      created.current = null;
    });
    const id = await created.current;
    const body = budget === null ? { inputs } : { inputs, budget };
    // the same request twice is the same run; another request is another run
    const text = JSON.stringify(body);
    if (key.current.body !== text) key.current = { body: text, key: randomKey() };
    const { execution_id } = await api.execute(id, body, key.current.key);
    void client.invalidateQueries({ queryKey: keys.executions });
    onOpenChange(false);
    if (onStarted) onStarted(id, execution_id);
    else router.push(routes.run(id, execution_id));
  }

  const filled = readForm(fields, values);
  const typed = parseUsdField(limit);

  async function submit(event: FormEvent<HTMLFormElement>) {
    event.preventDefault();
    const form = event.currentTarget;
    const read = readForm(fields, values);
    const cap = parseUsdField(limit);
    const wrong: FormErrors = "errors" in read ? { ...read.errors } : {};
    if (cap === undefined) wrong[BUDGET] = "Enter an amount in dollars, like 0.50.";
    setErrors(wrong);
    setError(null);
    if ("errors" in read || cap === undefined) {
      requestAnimationFrame(() => form.querySelector<HTMLElement>("[aria-invalid]")?.focus());
      return;
    }
    setBusy(true);
    try {
      await start(read.inputs, cap === null ? null : { limit_usd: cap, on_exhausted: exhausted });
    } catch (caught) {
      if (caught instanceof ApiError && caught.status === 422) {
        const { "": _rest, ...known } = serverErrors(fields, caught.details);
        setErrors(known);
      }
      setError(caught);
      setBusy(false);
    }
  }

  return (
    <form onSubmit={submit} noValidate className="flex min-h-0 flex-col">
      <DialogBody>
        <InputsForm
          fields={fields}
          values={values}
          errors={errors}
          onChange={(name, text) => setValues((before) => ({ ...before, [name]: text }))}
        />
        {fields.length === 0 && <p className="text-mute">This workflow takes no inputs.</p>}
        <div className="grid gap-4 border-t pt-4 sm:grid-cols-2">
          <Field
            label="Budget, US dollars"
            error={errors[BUDGET]}
            help={document.budget?.limit_usd === undefined ? "Empty: no cap." : "The cap of this run."}
          >
            {(props) => (
              <Input
                {...props}
                inputMode="decimal"
                className="nums"
                placeholder="no cap"
                value={limit}
                onChange={(event) => setLimit(event.target.value)}
              />
            )}
          </Field>
          <Field label="When it is used up">
            {(props) => (
              <Select
                {...props}
                value={exhausted}
                onChange={(event) => setExhausted(event.target.value === "degrade" ? "degrade" : "stop")}
              >
                <option value="stop">Stop the run</option>
                <option value="degrade">Use cheaper fallbacks</option>
              </Select>
            )}
          </Field>
        </div>
        <RunEstimate
          document={document}
          inputs={"inputs" in filled ? filled.inputs : null}
          budget={typed ? { limit_usd: typed, on_exhausted: exhausted } : null}
        />
        {error !== null && <ErrorNote error={error} />}
      </DialogBody>
      <DialogFooter>
        <Button onClick={() => onOpenChange(false)}>Cancel</Button>
        <Button type="submit" variant="primary" disabled={busy} icon={<Play aria-hidden size={14} />}>
          {busy ? "Starting…" : action}
        </Button>
      </DialogFooter>
    </form>
  );
}
