// A node's settings, made from its description (lib/builder/fields): groups, fields, what the server says about each, and
// its policy in words.
"use client";
import { ChevronRight } from "lucide-react";
import { useEffect, useRef, useState } from "react";
import { cx } from "@/components/ui/cx";
import type { WorkflowNode } from "@/lib/api/types";
import { type FieldGroup, groupsOf, isTouched } from "@/lib/builder/fields";
import { type Finding, findingsAt } from "@/lib/builder/problems";
import { policyInWords } from "@/lib/builder/words";
import { FieldControl } from "./field-control";
import { FindingList } from "./findings";
import type { LastRun } from "./last-run";

export interface NodeFormProps {
  node: WorkflowNode;
  attached: boolean;
  findings: readonly Finding[];
  last: LastRun;
  jump: { path: readonly string[]; count: number } | null;
}

export function NodeForm({ node, attached, findings, last, jump }: NodeFormProps) {
  const form = useRef<HTMLFormElement>(null);
  const groups = groupsOf(node, attached);
  const known = groups.flatMap((group) => group.fields.map((field) => field.path));
  const others = findings.filter(
    (finding) => !known.some((path) => path.every((part, index) => finding.field[index] === part)),
  );
  const wanted = jump?.count;

  // biome-ignore lint/correctness/useExhaustiveDependencies: once for every jump
  useEffect(() => {
    if (jump === null || !form.current) return;
    const path = jump.path.join("/");
    const fields = [...form.current.querySelectorAll<HTMLElement>("[data-field]")];
    const field =
      path === "" ? fields[0] : (fields.find((one) => path.startsWith(one.dataset.field ?? "-")) ?? fields[0]);
    const fold = field?.closest("details");
    if (fold) fold.open = true;
    requestAnimationFrame(() => {
      field?.scrollIntoView({ block: "nearest" });
      const control = field?.querySelector<HTMLElement>("input, textarea, select, [contenteditable=true], button");
      control?.focus();
      if (control instanceof HTMLInputElement) control.select();
    });
  }, [wanted]);

  return (
    <form ref={form} className="pb-6" onSubmit={(event) => event.preventDefault()}>
      {others.length > 0 && (
        <div className="px-3.5 pt-3">
          <FindingList findings={others} />
        </div>
      )}
      {groups.map((group) => (
        <Group
          key={group.title}
          group={group}
          open={
            !group.folded ||
            isTouched(node, group) ||
            group.fields.some((field) => findingsAt(findings, field.path).length > 0)
          }
        >
          {group.fields.map((field) => (
            <FieldControl
              key={field.path.join("/")}
              node={node}
              field={field}
              findings={findingsAt(findings, field.path)}
              last={last}
            />
          ))}
        </Group>
      ))}
      {!attached && (
        <section className="mx-3.5 mt-4 rounded-md border bg-sunken px-3 py-2.5" aria-label="What happens, in words">
          <h3 className="mb-1 text-xs font-medium text-ink-2">In words</h3>
          {policyInWords(node).map((sentence) => (
            <p key={sentence} className="text-xs leading-5 text-ink-2">
              {sentence}
            </p>
          ))}
        </section>
      )}
    </form>
  );
}

function Group({ group, open, children }: { group: FieldGroup; open: boolean; children: React.ReactNode }) {
  const [shown, setShown] = useState(open);
  useEffect(() => {
    if (open) setShown(true);
  }, [open]);
  if (!group.folded) {
    return <div className="space-y-3 border-b px-3.5 py-3.5">{children}</div>;
  }
  return (
    <details open={shown} onToggle={(event) => setShown(event.currentTarget.open)} className="border-b">
      <summary className="flex list-none items-center gap-1.5 px-3 py-2.5 text-sm font-medium hover:bg-sunken focus-visible:-outline-offset-2">
        <ChevronRight aria-hidden size={14} className={cx("text-mute transition-transform", shown && "rotate-90")} />
        {group.title}
      </summary>
      <div className="space-y-3 px-3.5 pt-1 pb-4">{children}</div>
    </details>
  );
}
