// A template, condition or code: the editor, and for templates and conditions what the last run's data makes of it.
"use client";
import { useMemo, useState } from "react";
import { Editor, type EditorLanguage } from "@/components/builder/editor/editor";
import { Shorten } from "@/components/ui/shorten";
import { candidatesAt } from "@/lib/builder/complete";
import { preview, valuesIn } from "@/lib/builder/preview";
import { useEditor } from "../context";
import type { ControlProps } from "./field-control";

export interface ExpressionFieldProps extends ControlProps {
  language: EditorLanguage;
}

export function ExpressionField({ node, field, value, set, last, a11y, language }: ExpressionFieldProps) {
  const text = typeof value === "string" ? value : "";
  const put = (next: string) => set(next === "" && !field.required ? undefined : next);
  return (
    <Expression
      node={node.id}
      place={field.path.at(-1) ?? ""}
      label={field.label}
      text={text}
      onChange={put}
      language={language}
      rows={field.rows ?? 3}
      placeholder={field.placeholder}
      last={last}
      a11y={a11y}
    />
  );
}

export interface ExpressionProps {
  node: string;
  /** The field's name: some see more than others. */
  place: string;
  label: string;
  text: string;
  onChange: (text: string) => void;
  language: EditorLanguage;
  rows: number;
  placeholder?: string | undefined;
  last: ControlProps["last"];
  a11y?: { id?: string; "aria-describedby"?: string; "aria-invalid"?: true };
}

export function Expression(props: ExpressionProps) {
  const { node, place, label, text, onChange, language, rows, placeholder, last, a11y } = props;
  const document = useEditor((state) => state.document);
  const candidates = useMemo(
    () =>
      language === "template" || language === "condition"
        ? candidatesAt(document, { node, language, field: place }, last.scope)
        : [],
    [document, node, language, place, last.scope],
  );
  const [shown, setShown] = useState(false);
  const known =
    last.execution !== null &&
    (language === "template" ? text.includes("{{") : language === "condition" && text.trim() !== "");
  return (
    <div className="space-y-1">
      <Editor
        label={label}
        value={text}
        onChange={onChange}
        language={language}
        rows={rows}
        candidates={candidates}
        placeholder={placeholder}
        {...a11y}
      />
      {known && (
        <button
          type="button"
          aria-expanded={shown}
          className="text-xs text-accent underline-offset-2 hover:underline"
          onClick={() => setShown(!shown)}
        >
          {shown ? "Hide preview" : "Preview with the last run's data"}
        </button>
      )}
      {known &&
        shown &&
        (language === "template" ? (
          <Rendered text={text} last={last} />
        ) : (
          <Values text={text} node={node} last={last} />
        ))}
    </div>
  );
}

function Rendered({ text, last }: { text: string; last: ControlProps["last"] }) {
  const segments = preview(text, last.scope);
  return (
    <section
      aria-label="Preview"
      className="max-h-56 overflow-y-auto rounded-md border bg-sunken px-2.5 py-2 text-xs leading-5 wrap-anywhere whitespace-pre-wrap"
      // biome-ignore lint/a11y/noNoninteractiveTabindex: it scrolls
      tabIndex={0}
    >
      {segments.map((segment, index) => {
        const key = index;
        switch (segment.kind) {
          case "text":
            return <bdi key={key}>{segment.text.slice(0, 20_000)}</bdi>;
          case "value":
            return (
              <mark key={key} title={segment.source} className="rounded bg-accent-soft px-0.5 text-ink">
                <bdi>{segment.text.slice(0, 4_000)}</bdi>
              </mark>
            );
          case "missing":
            return (
              <mark
                key={key}
                title="The last run has no such value."
                className="rounded bg-amber-100 px-0.5 text-amber-950 dark:bg-amber-400/20 dark:text-amber-200"
              >
                {segment.text}
              </mark>
            );
          default:
            return (
              <code
                key={key}
                title="Computed when the node runs."
                className="rounded border px-0.5 font-mono text-mute"
              >
                {segment.text}
              </code>
            );
        }
      })}
    </section>
  );
}

function Values({ text, node, last }: { text: string; node: string; last: ControlProps["last"] }) {
  const values = valuesIn(text, { ...last.scope, own: last.scope.outputs.get(node) });
  if (values.length === 0) return <p className="text-xs text-mute">It refers to nothing that a run would know.</p>;
  return (
    <dl className="space-y-1 rounded-md border bg-sunken px-2.5 py-2 text-xs">
      {values.map(({ path, value }) => (
        <div key={path} className="min-w-0">
          <dt className="truncate font-mono text-mute">{path}</dt>
          <dd className="line-clamp-3 wrap-anywhere">
            {value === undefined ? (
              <span className="text-amber-900 dark:text-amber-300">not in the last run</span>
            ) : (
              <Shorten text={typeof value === "string" ? value : JSON.stringify(value)} most={300} />
            )}
          </dd>
        </div>
      ))}
    </dl>
  );
}
