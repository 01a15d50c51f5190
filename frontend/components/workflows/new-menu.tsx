// Ways to a new workflow: a template, or a file.
"use client";
import { useQueryClient } from "@tanstack/react-query";
import { FileUp, Plus } from "lucide-react";
import { useRouter } from "next/navigation";
import { type ChangeEvent, useRef } from "react";
import { Button } from "@/components/ui/button";
import { Menu, MenuItem, MenuLabel, MenuSeparator } from "@/components/ui/menu";
import { keys } from "@/hooks/queries";
import { api } from "@/lib/api/client";
import { describeError } from "@/lib/api/errors";
import type { WorkflowDocument } from "@/lib/api/types";
import { parseDocument } from "@/lib/documents";
import { examples } from "@/lib/examples";
import { routes } from "@/lib/routes";
import { toast } from "@/lib/toasts";

export function NewMenu() {
  const client = useQueryClient();
  const router = useRouter();
  const file = useRef<HTMLInputElement>(null);

  async function create(make: () => Promise<WorkflowDocument> | WorkflowDocument) {
    try {
      const workflow = await api.createWorkflow(await make());
      void client.invalidateQueries({ queryKey: keys.workflows });
      router.push(routes.workflow(workflow.id));
    } catch (error) {
      const view = describeError(error);
      toast([view.message, ...view.details.map((detail) => `${detail.path} ${detail.message}`)].join(" "), "error");
    }
  }

  async function chosen(event: ChangeEvent<HTMLInputElement>) {
    const chosenFile = event.target.files?.[0];
    event.target.value = "";
    if (chosenFile) await create(async () => parseDocument(await chosenFile.text()));
  }

  return (
    <>
      <input
        ref={file}
        type="file"
        accept="application/json,.json"
        className="hidden"
        aria-label="Workflow file"
        onChange={chosen}
      />
      <Menu
        trigger={
          <Button size="sm" variant="primary" icon={<Plus aria-hidden size={14} />}>
            New
          </Button>
        }
      >
        <MenuItem icon={<Plus aria-hidden size={14} />} onSelect={() => router.push(routes.newWorkflow())}>
          Blank workflow
        </MenuItem>
        <MenuSeparator />
        {examples.length > 0 && <MenuLabel>From a template</MenuLabel>}
        {examples.map(({ slug, document }) => (
          <MenuItem key={slug} onSelect={() => create(() => document)}>
            {document.name}
          </MenuItem>
        ))}
        {examples.length > 0 && <MenuSeparator />}
        <MenuItem icon={<FileUp aria-hidden size={14} />} onSelect={() => file.current?.click()}>
          Import a JSON file…
        </MenuItem>
      </Menu>
    </>
  );
}
