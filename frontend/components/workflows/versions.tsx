// A workflow's history, newest first; each version can be exported.
"use client";
import { Download } from "lucide-react";
import { Button } from "@/components/ui/button";
import { Card } from "@/components/ui/card";
import { SkeletonRows } from "@/components/ui/skeleton";
import { ErrorNote } from "@/components/ui/states";
import { useVersions } from "@/hooks/queries";
import { api } from "@/lib/api/client";
import { describeError } from "@/lib/api/errors";
import type { Workflow } from "@/lib/api/types";
import { documentOf, fileNameOf } from "@/lib/documents";
import { formatMoment } from "@/lib/format/time";
import { toast } from "@/lib/toasts";
import { download } from "./download";

export function Versions({ workflow }: { workflow: Workflow }) {
  const { data, isPending, isError, error, refetch } = useVersions(workflow.id);
  const versions = [...(data?.items ?? [])].sort((a, b) => b.version - a.version);

  async function save(version: number) {
    try {
      const document = documentOf(await api.workflowVersion(workflow.id, version));
      download(fileNameOf(`${document.name} v${version}`), document);
    } catch (caught) {
      toast(describeError(caught).message, "error");
    }
  }

  return (
    <Card title="Versions" flush>
      {isPending ? (
        <SkeletonRows rows={2} />
      ) : isError ? (
        <div className="p-3">
          <ErrorNote error={error} onRetry={() => refetch()} />
        </div>
      ) : (
        <ul className="max-h-72 divide-y overflow-y-auto">
          {versions.map((entry) => (
            <li key={entry.version} className="flex items-center gap-3 py-1.5 pr-2 pl-4">
              <span className="nums w-9 shrink-0 font-medium">v{entry.version}</span>
              <span className="nums min-w-0 flex-1 truncate text-ink-2">{formatMoment(entry.created_at)}</span>
              {entry.version === workflow.version && <span className="text-xs text-mute">current</span>}
              {entry.valid === false && <span className="text-xs text-mute">draft</span>}
              <Button
                size="icon"
                variant="ghost"
                aria-label={`Export version ${entry.version}`}
                onClick={() => save(entry.version)}
              >
                <Download aria-hidden size={14} />
              </Button>
            </li>
          ))}
        </ul>
      )}
    </Card>
  );
}
