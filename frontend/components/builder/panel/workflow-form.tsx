// The workflow's own settings, shown while no node is selected: what it is called and for, what it takes, its budget.
"use client";
import { useId } from "react";
import { Field, Select, Textarea } from "@/components/ui/field";
import type { Json, JsonObject } from "@/lib/api/types";
import { getAt, setAt } from "@/lib/builder/ops";
import { type Finding, findingsAt } from "@/lib/builder/problems";
import { plural } from "@/lib/format/text";
import { useEditor, useSession } from "../context";
import { FindingList } from "./findings";
import { NumberField } from "./number-field";
import { SchemaField } from "./schema-field";

const NO_RUN = { execution: null, scope: { outputs: new Map<string, Json>() }, node: () => undefined };

export function WorkflowForm({ findings }: { findings: readonly Finding[] }) {
  const session = useSession();
  const document = useEditor((state) => state.document);
  const id = useId();
  const set = (path: string[], value: Json | undefined, label: string) =>
    session.editor.apply(
      `Changed ${label}`,
      (before) => setAt(before as unknown as JsonObject, path, value) as unknown as typeof before,
      { merge: `workflow ${path.join("/")}` },
    );
  const budget = document.budget;
  const amount = {
    node: { id: "", type: "tool" as const, config: {} },
    field: { path: ["budget", "limit_usd"], kind: "usd" as const, label: "Budget", placeholder: "no cap" },
    value: getAt(document as unknown as Json, ["budget", "limit_usd"]),
    set: (value: Json | undefined) => set(["budget", "limit_usd"], value, "the budget"),
    last: NO_RUN,
  };
  return (
    <div className="min-h-0 flex-1 overflow-y-auto" key="workflow">
      <header className="border-b px-3.5 pt-3 pb-2.5">
        <h2 className="text-sm font-semibold">Workflow</h2>
        <p className="text-xs text-mute">
          {plural(document.graph.nodes.length, "node")}, {plural(document.graph.edges.length, "connection")}. Select one
          to see its settings.
        </p>
      </header>
      <div className="space-y-4 px-3.5 py-3.5">
        <FindingList findings={findings.filter((finding) => finding.field.length === 0)} />
        <div className="space-y-1">
          <label htmlFor={`${id}-what`} className="text-xs font-medium text-ink-2">
            What it is for
          </label>
          <Textarea
            id={`${id}-what`}
            rows={3}
            dir="auto"
            className="min-h-0"
            value={document.description ?? ""}
            onChange={(event) => set(["description"], event.target.value, "the description")}
          />
        </div>
        <section className="space-y-1.5 border-t pt-3.5" aria-label="Inputs">
          <h3 className="font-medium">Inputs</h3>
          <p className="text-xs text-mute">
            What a run is started with; templates refer to them as <code className="font-mono">inputs.name</code>.
          </p>
          <SchemaField
            label="Input"
            noun="input"
            value={document.inputs}
            set={(value) => set(["inputs"], value, "the inputs")}
          />
          <FindingList findings={findingsAt(findings, ["inputs"])} />
        </section>
        <section className="space-y-3 border-t pt-3.5" aria-label="Budget">
          <h3 className="font-medium">Budget of a run</h3>
          <Field label="Hard cap, US dollars" help="No call is made that could go beyond it.">
            {(props) => <NumberField {...amount} a11y={props} />}
          </Field>
          <FindingList findings={findingsAt(findings, ["budget"])} />
          {budget?.limit_usd !== undefined && (
            <>
              <Field label="Warn at">
                {(props) => (
                  <Select
                    {...props}
                    value={String(budget.warn_at ?? 0.8)}
                    onChange={(event) => set(["budget", "warn_at"], Number(event.target.value), "the warning")}
                  >
                    {[...new Set([0.5, 0.7, 0.8, 0.9, 0.95, budget.warn_at ?? 0.8])].sort().map((share) => (
                      <option key={share} value={String(share)}>
                        {Math.round(share * 100)} % of it
                      </option>
                    ))}
                  </Select>
                )}
              </Field>
              <Field label="When the next call does not fit">
                {(props) => (
                  <Select
                    {...props}
                    value={budget.on_exhausted ?? "stop"}
                    onChange={(event) => set(["budget", "on_exhausted"], event.target.value, "what happens then")}
                  >
                    <option value="stop">stop; it can be resumed with more</option>
                    <option value="degrade">use the cheapest fallback that fits</option>
                  </Select>
                )}
              </Field>
            </>
          )}
        </section>
      </div>
    </div>
  );
}
