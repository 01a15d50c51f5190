// `/workflows/new` and `/workflows/<id>`: on a wide screen the builder, on a phone the same workflow for reading.
"use client";
import { useQuery, useQueryClient } from "@tanstack/react-query";
import dynamic from "next/dynamic";
import { usePathname, useSearchParams } from "next/navigation";
import { useEffect, useMemo, useState } from "react";
import { Builder } from "@/components/builder/builder";
import { Card } from "@/components/ui/card";
import { SkeletonBuilder, SkeletonPage } from "@/components/ui/skeleton";
import { EmptyState, ErrorState } from "@/components/ui/states";
import { keys } from "@/hooks/queries";
import { useMedia, WIDE } from "@/hooks/use-media";
import { useObservable } from "@/hooks/use-observable";
import { api } from "@/lib/api/client";
import { isNotFound } from "@/lib/api/errors";
import type { Workflow, WorkflowDocument } from "@/lib/api/types";
import { Session } from "@/lib/builder/session";
import { documentOf } from "@/lib/documents";
import { observable } from "@/lib/observable";
import { idsOf, routes } from "@/lib/routes";
import { NotFound } from "./not-found";

const WorkflowPage = dynamic(() => import("./workflow").then((module) => module.WorkflowPage), {
  ssr: false,
  loading: () => <SkeletonPage />,
});

const BLANK: WorkflowDocument = { schema_version: 1, name: "Untitled workflow", graph: { nodes: [], edges: [] } };

/** The workflow that `/workflows/new` has become: its address changes, the page stays. */
const becameId = observable<string | null>(null);

export function BuilderPage() {
  const id = idsOf(usePathname()).workflow;
  const wide = useMedia(WIDE);
  const became = useObservable(becameId);
  const template = useSearchParams().get("template");
  const [first] = useState(() => ({ isNew: id === null, template }));
  if (first.isNew && (id === null || id === became)) {
    return wide ? (
      <NewBuilder key="new" template={first.template} />
    ) : (
      <Card flush>
        <EmptyState title="Building needs a wider screen">
          On a phone, workflows can be read, run and watched. Open this page on a larger screen to draw one.
        </EmptyState>
      </Card>
    );
  }
  if (!wide) return <WorkflowPage />;
  return <StoredBuilder key={id ?? "_"} id={id ?? "_"} />;
}

function useSaving() {
  const client = useQueryClient();
  return useMemo(
    () => ({
      create: api.createDraft,
      update: api.saveDraft,
      fetch: (id: string) => api.workflow(id),
      onSaved: (workflow: Workflow) => {
        client.setQueryData(keys.workflow(workflow.id), workflow);
        void client.invalidateQueries({ queryKey: keys.workflows });
        void client.invalidateQueries({ queryKey: [...keys.workflow(workflow.id), "versions"] });
      },
    }),
    [client],
  );
}

function NewBuilder({ template }: { template: string | null }) {
  const saving = useSaving();
  const [session] = useState(() => {
    becameId.set(null);
    const made = new Session(BLANK, null, {
      ...saving,
      onSaved: (workflow, created) => {
        saving.onSaved(workflow);
        if (!created) return;
        becameId.set(workflow.id);
        // Next follows history.replaceState: the address is the workflow's, and nothing is loaded again
        window.history.replaceState(null, "", routes.workflow(workflow.id));
      },
    });
    return made;
  });
  useEffect(() => {
    if (template === null) return;
    void import("@/lib/examples").then(({ examples }) => {
      const example = examples.find((one) => one.slug === template);
      if (!example || session.document.graph.nodes.length > 0) return;
      session.replace(`Started from ${example.document.name}`, structuredClone(example.document));
    });
  }, [template, session]);
  const id = useObservable(becameId);
  return <Builder session={session} workflow={id} />;
}

function StoredBuilder({ id }: { id: string }) {
  const query = useQuery({
    queryKey: [...keys.workflow(id), "to edit"],
    queryFn: ({ signal }) => api.workflow(id, signal),
    staleTime: Number.POSITIVE_INFINITY,
    gcTime: 0,
    refetchOnWindowFocus: false,
  });
  if (query.isPending) return <SkeletonBuilder />;
  if (!query.data) {
    return (
      <div className="p-4">
        {isNotFound(query.error) ? (
          <NotFound what="workflow" />
        ) : (
          <Card flush>
            <ErrorState error={query.error} onRetry={() => query.refetch()} />
          </Card>
        )}
      </div>
    );
  }
  return <Loaded key={query.data.id} workflow={query.data} />;
}

function Loaded({ workflow }: { workflow: Workflow }) {
  const saving = useSaving();
  const [session] = useState(() => new Session(documentOf(workflow), workflow, saving));
  return <Builder session={session} workflow={workflow.id} />;
}
