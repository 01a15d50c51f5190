// One field of a node's settings: the right control for its kind, its label, help and findings, tied together.
"use client";
import { useId } from "react";
import { Input, Select, Textarea } from "@/components/ui/field";
import type { Json, WorkflowNode } from "@/lib/api/types";
import type { FieldSpec } from "@/lib/builder/fields";
import { ancestorsOf } from "@/lib/builder/graph";
import { getAt, setField } from "@/lib/builder/ops";
import type { Finding } from "@/lib/builder/problems";
import { nameOf } from "@/lib/nodes";
import { useEditor, useSession } from "../context";
import { CasesField } from "./cases-field";
import { ExpressionField } from "./expression-field";
import { FindingList } from "./findings";
import { IdField } from "./id-field";
import { JsonField } from "./json-field";
import type { LastRun } from "./last-run";
import { ConditionsField, TemplatesField } from "./list-fields";
import { ModelField, ModelsField } from "./model-field";
import { NumberField } from "./number-field";
import { SchemaField } from "./schema-field";
import { ScraperField } from "./scraper-field";

export interface ControlProps {
  node: WorkflowNode;
  field: FieldSpec;
  value: Json | undefined;
  set: (value: Json | undefined) => void;
  last: LastRun;
  a11y: { id: string; "aria-describedby"?: string; "aria-invalid"?: true };
}

export interface FieldControlProps {
  node: WorkflowNode;
  field: FieldSpec;
  findings: readonly Finding[];
  last: LastRun;
}

export function FieldControl({ node, field, findings, last }: FieldControlProps) {
  const session = useSession();
  const id = useId();
  const value = getAt(node as unknown as Json, field.path);
  const path = field.path.join("/");
  const set = (next: Json | undefined) =>
    session.editor.apply(
      `Changed ${field.label.toLowerCase()}`,
      (document) => setField(document, node.id, field.path, next),
      { merge: `${node.id} ${path}` },
    );
  const described = [field.help ? `${id}-help` : "", findings.length > 0 ? `${id}-found` : ""]
    .filter(Boolean)
    .join(" ");
  const a11y = {
    id,
    ...(described === "" ? {} : { "aria-describedby": described }),
    ...(findings.some((finding) => finding.severity === "error") ? { "aria-invalid": true as const } : {}),
  };
  const props: ControlProps = { node, field, value, set, last, a11y };
  const check = field.kind === "boolean" || field.kind === "switch";
  const grouped = ["cases", "conditions", "templates", "models", "schema"].includes(field.kind);

  return (
    <div
      data-field={path}
      className="space-y-1"
      {...(grouped ? { role: "group", "aria-labelledby": `${id}-label` } : {})}
    >
      {check ? (
        <Check {...props} />
      ) : (
        <>
          {grouped ? (
            <p id={`${id}-label`} className="text-xs font-medium text-ink-2">
              {field.label}
            </p>
          ) : (
            <label htmlFor={id} id={`${id}-label`} className="flex items-baseline gap-2 text-xs font-medium text-ink-2">
              {field.label}
              {field.required && <span className="font-normal text-mute">required</span>}
            </label>
          )}
          <Control {...props} />
        </>
      )}
      {field.help && (
        <p id={`${id}-help`} className={`text-xs text-mute ${check ? "pl-6" : ""}`}>
          {field.help}
        </p>
      )}
      <FindingList id={`${id}-found`} findings={findings} />
    </div>
  );
}

function Check({ field, value, set, a11y }: ControlProps) {
  const on = field.kind === "switch" ? value !== undefined && value !== null : (value ?? field.fallback) === true;
  return (
    <label className="flex cursor-pointer items-center gap-2 text-sm">
      <input
        type="checkbox"
        {...a11y}
        className="size-4 accent-(--accent)"
        checked={on}
        onChange={(event) => {
          const { checked } = event.target;
          if (field.kind === "switch") set(checked ? structuredClone(field.on ?? {}) : undefined);
          else set(checked === field.fallback ? undefined : checked);
        }}
      />
      {field.label}
    </label>
  );
}

function Control(props: ControlProps) {
  const { field, value, set, a11y, node } = props;
  const text = typeof value === "string" ? value : "";
  switch (field.kind) {
    case "template":
    case "code":
      return <ExpressionField {...props} language={field.kind} />;
    case "integer":
    case "number":
    case "usd":
    case "milliseconds":
      return <NumberField {...props} />;
    case "choice":
      return (
        <Select
          {...a11y}
          value={typeof value === "string" ? value : String(field.fallback ?? "")}
          onChange={(event) => set(event.target.value === field.fallback ? undefined : event.target.value)}
        >
          {field.choices?.map(([key, label]) => (
            <option key={key} value={key}>
              {label}
            </option>
          ))}
        </Select>
      );
    case "ancestor":
      return <AncestorField {...props} />;
    case "id":
      return <IdField node={node} a11y={a11y} />;
    case "model":
      return <ModelField {...props} />;
    case "scraper":
      return <ScraperField {...props} />;
    case "models":
      return <ModelsField {...props} />;
    case "schema":
      return <SchemaField value={value} set={set} label={field.label} />;
    case "json":
      return <JsonField {...props} />;
    case "conditions":
      return <ConditionsField {...props} />;
    case "templates":
      return <TemplatesField {...props} />;
    case "cases":
      return <CasesField {...props} />;
    case "longtext":
      return (
        <Textarea
          {...a11y}
          rows={field.rows ?? 3}
          className="min-h-0"
          value={text}
          onChange={(event) => set(event.target.value === "" ? undefined : event.target.value)}
        />
      );
    default:
      return (
        <Input
          {...a11y}
          dir="auto"
          value={text}
          placeholder={field.placeholder}
          onChange={(event) => set(event.target.value === "" && !field.required ? undefined : event.target.value)}
        />
      );
  }
}

function AncestorField({ node, value, set, a11y }: ControlProps) {
  const document = useEditor((state) => state.document);
  const ancestors = ancestorsOf(document, node.id);
  const choices = document.graph.nodes.filter((one) => ancestors.has(one.id) && one.type !== "conditional");
  const chosen = typeof value === "string" ? value : "";
  return (
    <Select
      {...a11y}
      value={chosen}
      onChange={(event) => set(event.target.value === "" ? undefined : event.target.value)}
    >
      <option value="">nothing</option>
      {chosen !== "" && !choices.some((one) => one.id === chosen) && <option value={chosen}>{chosen}</option>}
      {choices.map((one) => (
        <option key={one.id} value={one.id}>
          {nameOf(one, one.id).slice(0, 80)} ({one.id})
        </option>
      ))}
    </Select>
  );
}
