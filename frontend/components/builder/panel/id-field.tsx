// A node's id: changed on leaving the field, everywhere at once.
"use client";
import { useEffect, useState } from "react";
import { Input } from "@/components/ui/field";
import type { WorkflowNode } from "@/lib/api/types";
import { changeId, NODE_ID } from "@/lib/builder/ops";
import { useSession } from "../context";
import type { ControlProps } from "./field-control";

export function IdField({ node, a11y }: { node: WorkflowNode; a11y: ControlProps["a11y"] }) {
  const session = useSession();
  const [text, setText] = useState(node.id);
  useEffect(() => setText(node.id), [node.id]);
  const taken = text !== node.id && session.document.graph.nodes.some((one) => one.id === text);
  const wrong = taken
    ? "Another node has this id."
    : NODE_ID.test(text)
      ? null
      : "Letters, digits and _; no digit first.";

  function take() {
    if (wrong !== null) {
      setText(node.id);
      return;
    }
    session.editor.apply(`Changed the id to ${text}`, (document) => changeId(document, node.id, text), {
      select: [text],
    });
  }

  return (
    <>
      <Input
        {...a11y}
        {...(wrong === null ? {} : { "aria-invalid": true })}
        className="font-mono text-xs"
        spellCheck={false}
        value={text}
        onChange={(event) => setText(event.target.value)}
        onBlur={() => text !== node.id && take()}
        onKeyDown={(event) => {
          if (event.key === "Enter") take();
          if (event.key === "Escape") setText(node.id);
        }}
      />
      {wrong !== null && <p className="text-xs text-danger">{wrong}</p>}
    </>
  );
}
