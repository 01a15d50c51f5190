// The code editor, loaded when the first one is needed: completion of what a place can refer to, expressions marked. Undo is
// the builder's own, so that there is one history.
"use client";
import {
  acceptCompletion,
  autocompletion,
  type CompletionContext,
  type CompletionResult,
  completionKeymap,
  startCompletion,
} from "@codemirror/autocomplete";
import { defaultKeymap, indentLess, insertTab } from "@codemirror/commands";
import { Compartment, EditorState } from "@codemirror/state";
import {
  Decoration,
  EditorView,
  keymap,
  MatchDecorator,
  placeholder as placeholderText,
  ViewPlugin,
  type ViewUpdate,
} from "@codemirror/view";
import { useEffect, useLayoutEffect, useRef } from "react";
import { cx } from "@/components/ui/cx";
import { CONTROL } from "@/components/ui/field";
import { completionAt } from "@/lib/builder/complete";
import type { EditorLanguage, EditorProps } from "./editor";

const PATTERNS: Record<EditorLanguage, [RegExp, string][]> = {
  template: [[/\{\{[\s\S]*?\}\}|\{%[\s\S]*?%\}|\{#[\s\S]*?#\}/g, "nx-expr"]],
  condition: [[/\b(?:nodes|inputs|output|execution|feedback|memory)\b(?:\.\w+|\[[^\]]*\])*/g, "nx-expr"]],
  code: [
    [
      /\b(?:def|return|import|from|for|in|if|else|elif|while|try|except|raise|with|as|lambda|None|True|False|and|or|not|class|yield|pass)\b/g,
      "nx-word",
    ],
  ],
  json: [
    [/"(?:[^"\\]|\\.)*"(?=\s*:)/g, "nx-word"],
    [/\b(?:true|false|null)\b/g, "nx-expr"],
  ],
};

function marks(language: EditorLanguage) {
  return PATTERNS[language].map(([regexp, name]) => {
    const decorator = new MatchDecorator({ regexp, decoration: Decoration.mark({ class: name }) });
    return ViewPlugin.define(
      (view) => ({
        set: decorator.createDeco(view),
        update(change: ViewUpdate) {
          this.set = decorator.updateDeco(change, this.set);
        },
      }),
      { decorations: (plugin) => plugin.set },
    );
  });
}

const LOOK = EditorView.theme({
  "&": { fontSize: "0.75rem", backgroundColor: "transparent", color: "var(--ink)" },
  "&.cm-focused": { outline: "none" },
  ".cm-scroller": { fontFamily: "var(--font-mono, ui-monospace, monospace)", lineHeight: "1.25rem", overflow: "auto" },
  ".cm-content": { padding: "6px 0", caretColor: "var(--ink)" },
  ".cm-line": { padding: "0 10px" },
  ".cm-cursor": { borderLeftColor: "var(--ink)" },
  ".cm-placeholder": { color: "var(--mute)" },
  ".nx-expr": { color: "var(--accent)" },
  ".nx-word": { color: "var(--accent)" },
  ".cm-tooltip": {
    backgroundColor: "var(--raised)",
    border: "1px solid var(--line-strong)",
    borderRadius: "8px",
    overflow: "hidden",
    boxShadow: "0 8px 24px rgb(0 0 0 / 0.16)",
  },
  ".cm-tooltip-autocomplete > ul": { fontFamily: "inherit", maxHeight: "14rem" },
  ".cm-tooltip-autocomplete > ul > li": { padding: "3px 10px", lineHeight: "1.25rem" },
  ".cm-tooltip-autocomplete > ul > li[aria-selected]": { backgroundColor: "var(--accent-soft)", color: "var(--ink)" },
  ".cm-completionDetail": { color: "var(--mute)", fontStyle: "normal", fontFamily: "system-ui, sans-serif" },
  ".cm-completionMatchedText": { textDecoration: "none", fontWeight: "600" },
});

export function CodeMirror(props: EditorProps) {
  const { label, value, rows, language, placeholder, id } = props;
  const box = useRef<HTMLDivElement>(null);
  const view = useRef<EditorView | null>(null);
  const attributes = useRef(new Compartment());
  const latest = useRef(props);
  latest.current = props;
  const described = props["aria-describedby"];
  const invalid = props["aria-invalid"];

  // before the browser does anything else: a key pressed while the text area gives way must not fall between the two
  // biome-ignore lint/correctness/useExhaustiveDependencies: made once; what changes later is handed on below
  useLayoutEffect(() => {
    if (!box.current) return;
    const source = (context: CompletionContext): CompletionResult | null => {
      const { candidates = [], language: kind } = latest.current;
      if (kind !== "template" && kind !== "condition") return null;
      const found = completionAt(context.state.doc.toString(), context.pos, kind, candidates, context.explicit);
      if (found === null) return null;
      return {
        from: found.from,
        filter: false,
        options: found.candidates.slice(0, 80).map((one) => ({
          label: one.text,
          detail: one.detail,
          apply: found.wrap ? `{{ ${one.text} }}` : one.text,
        })),
      };
    };
    const editor = new EditorView({
      parent: box.current,
      state: EditorState.create({
        doc: latest.current.value,
        extensions: [
          LOOK,
          marks(language),
          EditorView.lineWrapping,
          attributes.current.of([]),
          placeholder ? placeholderText(placeholder) : [],
          language === "template" || language === "condition"
            ? autocompletion({ override: [source], icons: false, defaultKeymap: false })
            : [],
          keymap.of([
            ...completionKeymap,
            { key: "Tab", run: acceptCompletion },
            { key: "Alt-Space", run: startCompletion },
            ...(language === "code"
              ? [
                  { key: "Tab", run: insertTab },
                  { key: "Shift-Tab", run: indentLess },
                ]
              : []),
            ...(language === "condition" ? [{ key: "Enter", run: () => true }] : []),
            { key: "Mod-Enter", run: () => false, preventDefault: false },
            ...defaultKeymap.filter((binding) => binding.key !== "Mod-Enter" && binding.key !== "Mod-k"),
          ]),
          EditorView.updateListener.of((update) => {
            if (!update.docChanged) return;
            const text = update.state.doc.toString();
            if (text !== latest.current.value) latest.current.onChange(text);
          }),
        ],
      }),
    });
    view.current = editor;
    if (typeof props.cursor === "number") {
      editor.dispatch({ selection: { anchor: Math.min(props.cursor, editor.state.doc.length) } });
      editor.focus();
    }
    return () => {
      editor.destroy();
      view.current = null;
    };
  }, []);

  useEffect(() => {
    view.current?.dispatch({
      effects: attributes.current.reconfigure(
        EditorView.contentAttributes.of({
          "aria-label": label,
          ...(id ? { id } : {}),
          ...(described ? { "aria-describedby": described } : {}),
          ...(invalid ? { "aria-invalid": "true" } : {}),
        }),
      ),
    });
  }, [label, id, described, invalid]);

  // changed from elsewhere: an undo, an import
  useEffect(() => {
    const editor = view.current;
    if (!editor) return;
    const now = editor.state.doc.toString();
    if (now !== value) editor.dispatch({ changes: { from: 0, to: now.length, insert: value } });
  }, [value]);

  return (
    <div
      ref={box}
      data-editor={language}
      className={cx(
        CONTROL,
        "nx-editor !p-0",
        "focus-within:outline-2 focus-within:outline-offset-2 focus-within:outline-(--focus)",
      )}
      style={{ "--rows": rows } as React.CSSProperties}
      {...(invalid ? { "data-invalid": true } : {})}
    />
  );
}
