// What pages ask the server for, with its cache keys. Not here: requests themselves (lib/api/client).
import { keepPreviousData, useInfiniteQuery, useQuery } from "@tanstack/react-query";
import { api, type ExecutionFilter, readiness, serverVersion } from "@/lib/api/client";
import { isTerminal } from "@/lib/status";

export const LIVE_MS = 4_000;

export const keys = {
  workflows: ["workflows"] as const,
  workflow: (id: string) => ["workflow", id] as const,
  executions: ["executions"] as const,
};

export function useWorkflows(q: string) {
  return useInfiniteQuery({
    queryKey: [...keys.workflows, "list", q],
    queryFn: ({ pageParam, signal }) => api.workflows({ q, limit: 20, cursor: pageParam }, signal),
    initialPageParam: null as string | null,
    getNextPageParam: (page) => page.next_cursor ?? null,
    placeholderData: keepPreviousData,
  });
}

export function useWorkflow(id: string, enabled = true) {
  return useQuery({ queryKey: keys.workflow(id), queryFn: ({ signal }) => api.workflow(id, signal), enabled });
}

export function useVersions(id: string) {
  return useQuery({
    queryKey: [...keys.workflow(id), "versions"],
    queryFn: ({ signal }) => api.versions(id, signal),
  });
}

/** The document that a run was started with. It never changes. */
export function useWorkflowVersion(id: string | null, version: number | null) {
  return useQuery({
    queryKey: ["workflow-version", id, version],
    queryFn: ({ signal }) => api.workflowVersion(id ?? "", version ?? 0, signal),
    enabled: id !== null && version !== null,
    staleTime: Number.POSITIVE_INFINITY,
    retry: false,
  });
}

export function usePlan(id: string, version: number | undefined) {
  return useQuery({
    queryKey: [...keys.workflow(id), "plan", version],
    queryFn: ({ signal }) => api.plan(id, signal),
    enabled: version !== undefined,
  });
}

/** One page of executions, fresh every few seconds. */
export function useLatestExecutions(filter: ExecutionFilter) {
  return useQuery({
    queryKey: [...keys.executions, "latest", filter],
    queryFn: ({ signal }) => api.executions(filter, signal),
    refetchInterval: LIVE_MS,
  });
}

/** All executions or one workflow's, page after page; fresh every few seconds while one of them is going on. */
export function useExecutions(workflow: string | null, status: string | null, limit = 25) {
  return useInfiniteQuery({
    queryKey: [...keys.executions, "list", workflow, status, limit],
    queryFn: ({ pageParam, signal }) => {
      const filter = { status, limit, cursor: pageParam };
      return workflow === null ? api.executions(filter, signal) : api.workflowExecutions(workflow, filter, signal);
    },
    initialPageParam: null as string | null,
    getNextPageParam: (page) => page.next_cursor ?? null,
    placeholderData: keepPreviousData,
    refetchInterval: (query) => {
      const pages = query.state.data?.pages ?? [];
      return pages.some((page) => page.items.some((item) => !isTerminal(item.status))) ? LIVE_MS : LIVE_MS * 4;
    },
  });
}

export function useModels() {
  return useQuery({ queryKey: ["models"], queryFn: ({ signal }) => api.models(signal), staleTime: 60_000 });
}

export function useReadiness() {
  return useQuery({ queryKey: ["readyz"], queryFn: ({ signal }) => readiness(signal), refetchInterval: 5_000 });
}

export function useServerVersion() {
  return useQuery({ queryKey: ["version"], queryFn: ({ signal }) => serverVersion(signal), retry: false });
}
