// Lists of expressions: checks (conditions), and named templates (headers, metadata, inputs of a function).
"use client";
import { Plus, X } from "lucide-react";
import { useState } from "react";
import { Input } from "@/components/ui/field";
import type { Json } from "@/lib/api/types";
import { isObject } from "@/lib/builder/json";
import { Expression } from "./expression-field";
import type { ControlProps } from "./field-control";

const REMOVE =
  "inline-flex size-7 shrink-0 items-center justify-center rounded text-mute hover:bg-sunken hover:text-ink";
const ADD = "inline-flex items-center gap-1 text-xs text-accent hover:underline";

export function ConditionsField({ node, field, value, set, last }: ControlProps) {
  const list = Array.isArray(value) ? value.map(String) : [];
  const put = (next: string[]) => set(next.length === 0 ? undefined : next);
  return (
    <div className="space-y-1.5">
      {list.map((text, index) => (
        // biome-ignore lint/suspicious/noArrayIndexKey: conditions have no other name
        <div key={index} className="flex items-start gap-1">
          <div className="min-w-0 flex-1">
            <Expression
              node={node.id}
              place="checks"
              label={`Check ${index + 1}`}
              text={text}
              language="condition"
              rows={1}
              placeholder={field.placeholder}
              last={last}
              onChange={(next) => put(list.map((one, at) => (at === index ? next : one)))}
            />
          </div>
          <button
            type="button"
            className={REMOVE}
            aria-label={`Remove check ${index + 1}`}
            onClick={() => put(list.filter((_, at) => at !== index))}
          >
            <X aria-hidden size={13} />
          </button>
        </div>
      ))}
      <button type="button" className={ADD} onClick={() => put([...list, ""])}>
        <Plus aria-hidden size={12} />
        Add a check
      </button>
    </div>
  );
}

export function TemplatesField({ node, field, value, set, last }: ControlProps) {
  const entries = isObject(value) ? Object.entries(value) : [];
  const [name, setName] = useState("");
  const put = (next: [string, Json][]) => set(next.length === 0 ? undefined : Object.fromEntries(next));
  const taken = entries.some(([one]) => one === name.trim());
  function add() {
    if (name.trim() === "" || taken) return;
    put([...entries, [name.trim(), ""]]);
    setName("");
  }
  return (
    <div className="space-y-2">
      {entries.map(([key, text]) => (
        <div key={key} className="flex items-start gap-1">
          <div className="min-w-0 flex-1 space-y-0.5">
            <code className="block truncate font-mono text-xs text-ink-2">{key}</code>
            <Expression
              node={node.id}
              place={field.path.at(-1) ?? ""}
              label={`${field.label}: ${key}`}
              text={typeof text === "string" ? text : JSON.stringify(text)}
              language="template"
              rows={1}
              last={last}
              onChange={(next) => put(entries.map(([one, old]) => [one, one === key ? next : old]))}
            />
          </div>
          <button
            type="button"
            className={REMOVE}
            aria-label={`Remove ${key}`}
            onClick={() => put(entries.filter(([one]) => one !== key))}
          >
            <X aria-hidden size={13} />
          </button>
        </div>
      ))}
      <div className="flex gap-1">
        <Input
          low
          aria-label={`New name in ${field.label.toLowerCase()}`}
          placeholder="name"
          className="font-mono text-xs"
          value={name}
          onChange={(event) => setName(event.target.value)}
          onKeyDown={(event) => {
            if (event.key !== "Enter") return;
            event.preventDefault();
            add();
          }}
        />
        <button
          type="button"
          className={`${REMOVE} size-8 border border-line-strong disabled:opacity-40`}
          aria-label="Add"
          disabled={name.trim() === "" || taken}
          onClick={add}
        >
          <Plus aria-hidden size={13} />
        </button>
      </div>
    </div>
  );
}
