// Any JSON value as text. What is not JSON yet stays in the field and is said; a plain text counts as a string.
"use client";
import { useState } from "react";
import { Editor } from "@/components/builder/editor/editor";
import type { Json } from "@/lib/api/types";
import { sameJson } from "@/lib/builder/json";
import type { ControlProps } from "./field-control";

function asText(value: Json | undefined): string {
  return value === undefined || value === null
    ? ""
    : typeof value === "string"
      ? value
      : JSON.stringify(value, null, 2);
}

type Read = { value: Json | undefined } | "wrong";

function read(text: string): Read {
  const trimmed = text.trim();
  if (trimmed === "") return { value: undefined };
  try {
    return { value: JSON.parse(trimmed) as Json };
  } catch {
    return /^[[{"]/.test(trimmed) ? "wrong" : { value: text };
  }
}

export function JsonText({
  label,
  value,
  set,
  rows = 4,
  strict = false,
  a11y,
}: {
  label: string;
  value: Json | undefined;
  set: (value: Json | undefined) => void;
  rows?: number;
  /** Only JSON, no plain text. */
  strict?: boolean;
  a11y?: { id?: string; "aria-describedby"?: string; "aria-invalid"?: true };
}) {
  const [text, setText] = useState(() => asText(value));
  const [known, setKnown] = useState(value);
  const now = read(text);
  if (known !== value) {
    setKnown(value);
    if (now === "wrong" || !sameJson(now.value ?? null, value ?? null)) setText(asText(value));
  }
  const bad = now === "wrong" || (strict && typeof now.value === "string");
  return (
    <>
      <Editor
        {...a11y}
        {...(bad ? { "aria-invalid": true as const } : {})}
        label={label}
        value={text}
        language="json"
        rows={rows}
        onChange={(next) => {
          setText(next);
          const parsed = read(next);
          if (parsed !== "wrong" && !(strict && typeof parsed.value === "string")) set(parsed.value);
        }}
      />
      {bad && <p className="text-xs text-danger">This is not valid JSON yet; the last good value stays.</p>}
    </>
  );
}

export function JsonField({ field, value, set, a11y }: ControlProps) {
  return <JsonText label={field.label} value={value} set={set} a11y={a11y} />;
}
