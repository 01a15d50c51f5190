// A JSON Schema: as a table of fields where that is enough, as JSON always.
"use client";
import { Plus, X } from "lucide-react";
import { useState } from "react";
import { Input, Select } from "@/components/ui/field";
import type { Json } from "@/lib/api/types";
import { ROW_TYPES, type RowType, rowsOf, type SchemaRow, withRows } from "@/lib/builder/schema-rows";
import { JsonText } from "./json-field";

export interface SchemaFieldProps {
  label: string;
  value: Json | undefined;
  set: (value: Json | undefined) => void;
  /** What the rows are called: `input`, `field`. */
  noun?: string;
}

const LINK = "inline-flex items-center gap-1 text-xs text-accent hover:underline";

export function SchemaField({ label, value, set, noun = "field" }: SchemaFieldProps) {
  const rows = rowsOf(value);
  const [raw, setRaw] = useState(false);
  const table = rows !== null && !raw;
  const empty = value === undefined || value === null;
  const put = (next: SchemaRow[]) => set(next.length === 0 ? undefined : withRows(value, next));
  const change = (index: number, part: Partial<SchemaRow>) =>
    put((rows ?? []).map((row, at) => (at === index ? { ...row, ...part } : row)));

  function add() {
    const names = new Set((rows ?? []).map((row) => row.name));
    let name = noun;
    for (let count = 2; names.has(name); count += 1) name = `${noun}_${count}`;
    put([...(rows ?? []), { name, type: "string", required: true, description: "", choices: null, schema: {} }]);
  }

  return (
    <div className="space-y-1.5">
      {table ? (
        rows.map((row, index) => (
          <Row
            // biome-ignore lint/suspicious/noArrayIndexKey: the name changes while it is typed
            key={index}
            row={row}
            label={label}
            onChange={(part) => change(index, part)}
            onRemove={() => put(rows.filter((_, at) => at !== index))}
          />
        ))
      ) : (
        <JsonText label={`${label}, as JSON Schema`} value={value} set={set} rows={8} strict />
      )}
      <div className="flex flex-wrap gap-x-3 gap-y-1">
        {table && (
          <button type="button" className={LINK} onClick={add}>
            <Plus aria-hidden size={12} />
            Add {/^[aeiou]/.test(noun) ? "an" : "a"} {noun}
          </button>
        )}
        {rows !== null && (
          <button type="button" className={LINK} onClick={() => setRaw(!raw)}>
            {raw ? "As a table" : "As JSON Schema"}
          </button>
        )}
        {!empty && (
          <button type="button" className={LINK} onClick={() => set(undefined)}>
            Remove
          </button>
        )}
      </div>
    </div>
  );
}

interface RowProps {
  row: SchemaRow;
  label: string;
  onChange: (part: Partial<SchemaRow>) => void;
  onRemove: () => void;
}

function Row({ row, label, onChange, onRemove }: RowProps) {
  return (
    <fieldset className="space-y-1.5 rounded-md border p-2">
      <legend className="sr-only">
        {label}: {row.name}
      </legend>
      <div className="flex items-center gap-1.5">
        <Input
          low
          aria-label="Name"
          className="min-w-0 flex-1 font-mono text-xs"
          value={row.name}
          onChange={(event) => onChange({ name: event.target.value })}
        />
        <Select
          aria-label="Type"
          className="!h-8 !w-26 shrink-0 text-xs"
          value={row.type}
          onChange={(event) => onChange({ type: event.target.value as RowType, choices: null })}
        >
          {ROW_TYPES.map((type) => (
            <option key={type} value={type}>
              {type}
            </option>
          ))}
          {row.type === "other" && <option value="other">other</option>}
        </Select>
        <button
          type="button"
          aria-label={`Remove ${row.name}`}
          className="inline-flex size-7 shrink-0 items-center justify-center rounded text-mute hover:bg-sunken hover:text-ink"
          onClick={onRemove}
        >
          <X aria-hidden size={13} />
        </button>
      </div>
      <div className="flex items-center gap-2">
        <Input
          low
          aria-label="What it is"
          placeholder="what it is"
          className="min-w-0 flex-1 text-xs"
          value={row.description}
          onChange={(event) => onChange({ description: event.target.value })}
        />
        <label className="flex shrink-0 cursor-pointer items-center gap-1.5 text-xs">
          <input
            type="checkbox"
            className="size-3.5 accent-(--accent)"
            checked={row.required}
            onChange={(event) => onChange({ required: event.target.checked })}
          />
          needed
        </label>
      </div>
      {row.choices !== null && <p className="truncate text-xs text-mute">one of {row.choices.join(", ")}</p>}
    </fieldset>
  );
}
