// The data of the run that previews and completions use: the one shown on the canvas, else the latest.
"use client";
import { useQuery } from "@tanstack/react-query";
import { useMemo } from "react";
import { api } from "@/lib/api/client";
import type { AgentExecution, Execution, Json } from "@/lib/api/types";
import type { Sample } from "@/lib/builder/complete";
import type { Scope } from "@/lib/builder/preview";

export interface LastRun {
  execution: Execution | null;
  scope: Scope & Sample;
  node: (id: string) => AgentExecution | undefined;
}

export function useLastRun(workflow: string | null, shown: string | null): LastRun {
  const latest = useQuery({
    queryKey: ["executions", "list", workflow, "newest"],
    queryFn: ({ signal }) => api.workflowExecutions(workflow ?? "", { limit: 1 }, signal),
    enabled: workflow !== null && shown === null,
  });
  const id = shown ?? latest.data?.items[0]?.id ?? null;
  const execution = useQuery({
    queryKey: ["execution", id],
    queryFn: ({ signal }) => api.execution(id ?? "", signal),
    enabled: id !== null,
    refetchInterval: (query) => (query.state.data?.finished_at === null ? 2_000 : false),
  });
  return useMemo(() => {
    const data = execution.data ?? null;
    const outputs = new Map<string, Json>();
    const entries = new Map<string, AgentExecution>();
    for (const entry of data?.agent_executions ?? []) {
      entries.set(entry.node_id, entry);
      if (entry.status === "succeeded" || entry.output !== null) outputs.set(entry.node_id, entry.output);
    }
    return {
      execution: data,
      scope: { inputs: data?.inputs, outputs, execution: data?.id },
      node: (node) => entries.get(node),
    };
  }, [execution.data]);
}
