// A text that is code: a plain text area until the real editor has arrived, then CodeMirror with completion. The text area
// stays where the editor cannot be loaded.
"use client";
import { type ComponentType, type RefObject, useEffect, useRef, useState } from "react";
import { CONTROL } from "@/components/ui/field";
import type { Candidate } from "@/lib/builder/complete";

export type EditorLanguage = "template" | "condition" | "code" | "json";

export interface EditorProps {
  label: string;
  value: string;
  onChange: (text: string) => void;
  language: EditorLanguage;
  rows: number;
  candidates?: readonly Candidate[];
  placeholder?: string | undefined;
  id?: string;
  "aria-describedby"?: string;
  "aria-invalid"?: true;
  /** Where the cursor was in the text area that the editor takes the place of; null if it had none. */
  cursor?: number | null;
}

let loaded: ComponentType<EditorProps> | null = null;
let loading: Promise<ComponentType<EditorProps>> | null = null;

/** Begins to load the real editor, so that it is there when somebody wants to write. */
export function load(): Promise<ComponentType<EditorProps>> {
  loading ??= import("./code-mirror").then((module) => {
    loaded = module.CodeMirror;
    return module.CodeMirror;
  });
  loading.catch(() => {
    loading = null;
  });
  return loading;
}

export function Editor(props: EditorProps) {
  const [Real, setReal] = useState<ComponentType<EditorProps> | null>(() => loaded);
  const area = useRef<HTMLTextAreaElement>(null);
  const cursor = useRef<number | null>(null);
  useEffect(() => {
    let gone = false;
    load().then(
      (component) => {
        if (gone) return;
        // whoever is writing already goes on writing
        if (area.current !== null && document.activeElement === area.current)
          cursor.current = area.current.selectionStart;
        setReal(() => component);
      },
      () => {},
    );
    return () => {
      gone = true;
    };
  }, []);
  return Real ? <Real {...props} cursor={cursor.current} /> : <Plain {...props} area={area} />;
}

interface PlainProps extends EditorProps {
  area: RefObject<HTMLTextAreaElement | null>;
}

function Plain({
  label,
  value,
  onChange,
  rows,
  placeholder,
  id,
  area,
  candidates: _,
  language: __,
  cursor: ___,
  ...a11y
}: PlainProps) {
  return (
    <textarea
      ref={area}
      {...a11y}
      id={id}
      aria-label={label}
      rows={rows}
      value={value}
      placeholder={placeholder}
      spellCheck={false}
      onChange={(event) => onChange(event.target.value)}
      className={`${CONTROL} px-2.5 font-mono text-xs`}
    />
  );
}
