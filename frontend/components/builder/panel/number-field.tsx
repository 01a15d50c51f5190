// A number as text: what is not a number stays in the field and is said, what is empty falls back to the default.
"use client";
import { useState } from "react";
import { Input } from "@/components/ui/field";
import { parseUsdField, usdFieldValue } from "@/lib/format/money";
import type { ControlProps } from "./field-control";

function shown(props: ControlProps): string {
  const { value, field } = props;
  if (typeof value !== "number") return "";
  return field.kind === "usd" ? usdFieldValue(value) : String(value);
}

function read({ field }: ControlProps, text: string): number | null | undefined {
  if (field.kind === "usd") return parseUsdField(text);
  const trimmed = text.trim();
  if (trimmed === "") return null;
  if (!/^-?(\d+\.?\d*|\.\d+)$/.test(trimmed)) return undefined;
  const value = Number(trimmed);
  if (field.kind !== "number" && !Number.isInteger(value)) return undefined;
  return value;
}

export function NumberField(props: ControlProps) {
  const { field, set, a11y, value } = props;
  const [text, setText] = useState(() => shown(props));
  const [known, setKnown] = useState(value);
  if (known !== value) {
    // changed from elsewhere, such as by an undo
    setKnown(value);
    if (read(props, text) !== (value ?? null)) setText(shown(props));
  }
  const wrong = read(props, text) === undefined;
  return (
    <>
      <Input
        {...a11y}
        {...(wrong ? { "aria-invalid": true } : {})}
        inputMode={field.kind === "integer" || field.kind === "milliseconds" ? "numeric" : "decimal"}
        className="nums"
        value={text}
        placeholder={field.placeholder ?? (field.fallback === undefined ? "" : String(field.fallback))}
        onChange={(event) => {
          setText(event.target.value);
          const next = read(props, event.target.value);
          if (next === undefined) return;
          set(next === null || next === field.fallback ? undefined : next);
        }}
      />
      {wrong && (
        <p className="text-xs text-danger">
          {field.kind === "usd" ? "Enter an amount in dollars, like 0.05." : "Enter a number."} The last good value
          stays.
        </p>
      )}
    </>
  );
}
