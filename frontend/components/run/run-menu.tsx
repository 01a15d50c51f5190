// What else can be done with a run: pass it on, keep it as a file, compare it, change its workflow.
"use client";
import { Download, GitCompare, Link2, MoreHorizontal, PencilRuler } from "lucide-react";
import { useRouter } from "next/navigation";
import { Menu, MenuItem, MenuSeparator } from "@/components/ui/menu";
import { download } from "@/components/workflows/download";
import { api } from "@/lib/api/client";
import { describeError } from "@/lib/api/errors";
import type { Workflow } from "@/lib/api/types";
import { documentOf, fileNameOf } from "@/lib/documents";
import { routes } from "@/lib/routes";
import type { RunState } from "@/lib/run/state";
import { toast } from "@/lib/toasts";

export function RunMenu({
  execution,
  run,
  document,
}: {
  execution: string;
  run: RunState;
  document: Workflow | undefined;
}) {
  const router = useRouter();
  const workflow = run.workflowId;

  async function save() {
    try {
      const whole = await api.execution(execution);
      const name = fileNameOf(`${run.workflowName ?? "run"} ${execution.slice(-8)}`);
      download(name, { execution: whole, events: run.events, ...(document ? { document: documentOf(document) } : {}) });
    } catch (error) {
      toast(describeError(error).message, "error");
    }
  }

  async function copy() {
    const link = new URL(routes.execution(execution), window.location.href).href;
    try {
      await navigator.clipboard.writeText(link);
      toast("The link is copied.");
    } catch {
      toast(link);
    }
  }

  return (
    <Menu
      trigger={
        <button
          type="button"
          aria-label="More for this run"
          className="inline-flex size-9 items-center justify-center rounded-md border border-line-strong bg-surface text-ink-2 transition-colors hover:bg-sunken hover:text-ink"
        >
          <MoreHorizontal aria-hidden size={16} />
        </button>
      }
    >
      <MenuItem icon={<Link2 aria-hidden size={14} />} onSelect={() => void copy()}>
        Copy link
      </MenuItem>
      <MenuItem icon={<Download aria-hidden size={14} />} onSelect={() => void save()}>
        Download JSON
      </MenuItem>
      {workflow !== null && (
        <>
          <MenuSeparator />
          <MenuItem
            icon={<GitCompare aria-hidden size={14} />}
            onSelect={() => router.push(`${routes.workflowExecutions(workflow)}?pick=${encodeURIComponent(execution)}`)}
          >
            Compare with another run…
          </MenuItem>
          <MenuItem
            icon={<PencilRuler aria-hidden size={14} />}
            onSelect={() => router.push(routes.workflow(workflow))}
          >
            Open in the builder
          </MenuItem>
        </>
      )}
    </Menu>
  );
}
