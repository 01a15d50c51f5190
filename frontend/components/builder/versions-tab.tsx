// The workflow's history: what each version differs in from now, and the way back to it.
"use client";
import { useQuery } from "@tanstack/react-query";
import { GitCompare } from "lucide-react";
import { useMemo } from "react";
import { Button } from "@/components/ui/button";
import { Dialog, DialogBody, DialogFooter } from "@/components/ui/dialog";
import { SkeletonRows } from "@/components/ui/skeleton";
import { EmptyState, ErrorNote } from "@/components/ui/states";
import { useVersions } from "@/hooks/queries";
import { useNow } from "@/hooks/use-now";
import { useObservable } from "@/hooks/use-observable";
import { api } from "@/lib/api/client";
import { difference, summary } from "@/lib/builder/diff";
import { documentOf } from "@/lib/documents";
import { formatAgo, formatMoment } from "@/lib/format/time";
import { useEditor, useSession } from "./context";
import { Difference } from "./difference";

export function VersionsTab({ workflow }: { workflow: string | null }) {
  if (workflow === null)
    return <EmptyState title="No versions yet">The first one comes with the first change.</EmptyState>;
  return <List workflow={workflow} />;
}

function List({ workflow }: { workflow: string }) {
  const session = useSession();
  useObservable(session.autosave.state);
  const now = useNow();
  const { data, isPending, isError, error, refetch } = useVersions(workflow);
  const versions = [...(data?.items ?? [])].sort((a, b) => b.version - a.version);
  if (isPending) return <SkeletonRows rows={3} />;
  if (isError) {
    return (
      <div className="p-3">
        <ErrorNote error={error} onRetry={() => refetch()} />
      </div>
    );
  }
  return (
    <ul aria-label="Versions" className="divide-y">
      {versions.map((entry) => (
        <li key={entry.version} className="nums flex items-center gap-3 px-3.5 py-1.5 hover:bg-sunken">
          <span className="w-12 font-medium">v{entry.version}</span>
          <span className="w-28 text-ink-2" title={formatMoment(entry.created_at)}>
            {formatAgo(entry.created_at, now)}
          </span>
          {entry.valid === false && <span className="text-xs text-amber-900 dark:text-amber-300">draft</span>}
          {entry.version === session.autosave.version ? (
            <span className="ml-auto text-xs text-mute">this one</span>
          ) : (
            <Button
              size="sm"
              variant="ghost"
              className="ml-auto"
              icon={<GitCompare aria-hidden size={13} />}
              onClick={() => session.open({ kind: "version", version: entry.version })}
            >
              Compare with now
            </Button>
          )}
        </li>
      ))}
    </ul>
  );
}

export function VersionDialog({
  workflow,
  version,
  onClose,
}: {
  workflow: string;
  version: number;
  onClose: () => void;
}) {
  const session = useSession();
  const now = useEditor((state) => state.document);
  const query = useQuery({
    queryKey: ["workflow-version", workflow, version],
    queryFn: ({ signal }) => api.workflowVersion(workflow, version, signal),
    staleTime: Number.POSITIVE_INFINITY,
  });
  const then = useMemo(() => (query.data ? documentOf(query.data) : null), [query.data]);
  const changes = useMemo(() => (then === null ? [] : difference(then, now)), [then, now]);
  return (
    <Dialog
      open
      onOpenChange={(open) => !open && onClose()}
      wide
      title={`Version ${version} and now`}
      description={then === null ? "Loading…" : `Since then: ${summary(changes)}.`}
    >
      <DialogBody>
        {query.isError && <ErrorNote error={query.error} onRetry={() => query.refetch()} />}
        {then !== null && <Difference changes={changes} before={`v${version}`} after="now" />}
      </DialogBody>
      <DialogFooter>
        <Button onClick={onClose}>Close</Button>
        <Button
          variant="primary"
          disabled={then === null || changes.length === 0}
          onClick={() => {
            if (then === null) return;
            session.replace(`Restored version ${version}`, then);
            onClose();
          }}
        >
          Restore version {version}
        </Button>
      </DialogFooter>
    </Dialog>
  );
}
