// Example workflows that run on the built-in demo provider, without a key: one click creates and runs.
"use client";
import { useQueryClient } from "@tanstack/react-query";
import { Plus, Zap } from "lucide-react";
import { useRouter } from "next/navigation";
import { useState } from "react";
import { Button } from "@/components/ui/button";
import { keys } from "@/hooks/queries";
import { api } from "@/lib/api/client";
import { describeError } from "@/lib/api/errors";
import { ingredientsOf } from "@/lib/documents";
import { type Example, examples } from "@/lib/examples";
import { plural } from "@/lib/format/text";
import { routes } from "@/lib/routes";
import { toast } from "@/lib/toasts";
import { RunDialog } from "./run-dialog";

export function Templates() {
  return (
    <ul className="grid gap-3 p-4 sm:grid-cols-2 xl:grid-cols-3">
      {examples.map((example) => (
        <li key={example.slug} className="flex">
          <Template example={example} />
        </li>
      ))}
    </ul>
  );
}

function Template({ example }: { example: Example }) {
  const { document } = example;
  const client = useQueryClient();
  const router = useRouter();
  const [running, setRunning] = useState(false);
  const [busy, setBusy] = useState(false);
  const { nodes, models, tools } = ingredientsOf(document);

  async function create(): Promise<string> {
    const workflow = await api.createWorkflow(document);
    void client.invalidateQueries({ queryKey: keys.workflows });
    return workflow.id;
  }

  async function createOnly() {
    setBusy(true);
    try {
      router.push(routes.workflow(await create()));
    } catch (error) {
      toast(describeError(error).message, "error");
      setBusy(false);
    }
  }

  return (
    <article className="flex flex-1 flex-col rounded-lg border bg-sunken p-4">
      <h3 className="font-semibold">{document.name}</h3>
      {document.description && <p className="mt-1 line-clamp-3 text-ink-2">{document.description}</p>}
      <p className="mt-2 mb-4 truncate text-xs text-mute" title={[...models, ...tools].join(", ")}>
        {[plural(nodes, "node"), ...models, ...tools].join(" · ")}
      </p>
      <div className="mt-auto flex flex-wrap gap-2">
        <Button
          size="sm"
          variant="primary"
          icon={<Zap aria-hidden size={13} />}
          onClick={() => setRunning(true)}
          aria-label={`Create and run ${document.name}`}
        >
          Create and run
        </Button>
        <Button
          size="sm"
          icon={<Plus aria-hidden size={13} />}
          disabled={busy}
          onClick={createOnly}
          aria-label={`Only create ${document.name}`}
        >
          Only create
        </Button>
      </div>
      <RunDialog
        open={running}
        onOpenChange={setRunning}
        document={document}
        workflowId={create}
        action="Create and run"
      />
    </article>
  );
}
