// One workflow in the list: its name, what is in it, and what can be done with it.
"use client";
import { useQueryClient } from "@tanstack/react-query";
import { Copy, Download, Play, Trash2 } from "lucide-react";
import Link from "next/link";
import { useState } from "react";
import { Button } from "@/components/ui/button";
import { Confirm } from "@/components/ui/confirm";
import { MenuItem, MenuSeparator, RowMenu } from "@/components/ui/menu";
import { keys } from "@/hooks/queries";
import { useNow } from "@/hooks/use-now";
import { api } from "@/lib/api/client";
import { describeError } from "@/lib/api/errors";
import type { Workflow } from "@/lib/api/types";
import { copyOf, documentOf, fileNameOf } from "@/lib/documents";
import { plural } from "@/lib/format/text";
import { formatAgo } from "@/lib/format/time";
import { routes } from "@/lib/routes";
import { toast } from "@/lib/toasts";
import { download } from "./download";
import { RunDialog } from "./run-dialog";

export function WorkflowRow({ workflow }: { workflow: Workflow }) {
  const client = useQueryClient();
  const now = useNow();
  const [deleting, setDeleting] = useState(false);
  const [running, setRunning] = useState<Workflow | null>(null);
  const [open, setOpen] = useState(false);
  const draft = workflow.valid === false;

  /** The whole document as it is now; lists may be shortened. */
  const fresh = () => api.workflow(workflow.id);

  async function attempt(what: () => Promise<unknown>) {
    try {
      await what();
    } catch (error) {
      toast(describeError(error).message, "error");
    }
  }

  const run = () =>
    attempt(async () => {
      setRunning(await fresh());
      setOpen(true);
    });
  const save = () =>
    attempt(async () => {
      const document = documentOf(await fresh());
      download(fileNameOf(document.name), document);
    });
  const duplicate = () =>
    attempt(async () => {
      const copy = await api.createWorkflow(copyOf(documentOf(await fresh())));
      await client.invalidateQueries({ queryKey: keys.workflows });
      toast(`Created “${copy.name}”.`);
    });
  async function remove() {
    await api.deleteWorkflow(workflow.id);
    await client.invalidateQueries({ queryKey: keys.workflows });
    toast(`Deleted “${workflow.name}”.`);
  }

  return (
    <li className="relative flex items-center gap-3 py-2.5 pr-3 pl-4 transition-colors hover:bg-sunken">
      <div className="min-w-0 flex-1">
        <Link
          href={routes.workflow(workflow.id)}
          prefetch={false}
          className="block truncate font-medium after:absolute after:inset-0"
        >
          {workflow.name}
        </Link>
        <p className="nums truncate text-xs text-mute">
          {draft && <span className="mr-1.5 text-amber-800 dark:text-amber-300">draft, not valid yet ·</span>}
          {workflow.graph && <>{plural(workflow.graph.nodes.length, "node")} · </>}v{workflow.version} · changed{" "}
          {formatAgo(workflow.updated_at, now)}
        </p>
      </div>
      <Button
        size="sm"
        className="relative z-10"
        icon={<Play aria-hidden size={13} />}
        disabled={draft}
        onClick={run}
        aria-label={`Run ${workflow.name}`}
      >
        Run
      </Button>
      <RowMenu label={`More for ${workflow.name}`}>
        <MenuItem icon={<Download aria-hidden size={14} />} onSelect={save}>
          Export JSON
        </MenuItem>
        <MenuItem icon={<Copy aria-hidden size={14} />} onSelect={duplicate}>
          Duplicate
        </MenuItem>
        <MenuSeparator />
        <MenuItem icon={<Trash2 aria-hidden size={14} />} danger onSelect={() => setDeleting(true)}>
          Delete…
        </MenuItem>
      </RowMenu>
      <Confirm
        open={deleting}
        onOpenChange={setDeleting}
        title={`Delete “${workflow.name}”?`}
        text="The workflow and its versions are deleted. Its runs stay readable."
        action="Delete"
        onConfirm={remove}
      />
      {running !== null && (
        <RunDialog open={open} onOpenChange={setOpen} document={running} workflowId={async () => workflow.id} />
      )}
    </li>
  );
}
