// What pages ask the server about scrapers, with its cache keys. Not here: requests themselves (lib/api/scrapers), following
// a job while it is made (use-job).
import { keepPreviousData, useInfiniteQuery, useQuery } from "@tanstack/react-query";
import { isNotFound } from "@/lib/api/errors";
import { scrapers } from "@/lib/api/scrapers";
import { isSettled } from "@/lib/scrapers/states";
import { LIVE_MS } from "./queries";

export const scraperKeys = {
  all: ["scrapers"] as const,
  one: (id: string) => ["scraper", id] as const,
  health: (id: string) => ["scraper", id, "health"] as const,
  schedule: (id: string) => ["scraper", id, "schedule"] as const,
};

/** Jobs, newest first, page after page; fresh every few seconds while one of them is under way. */
export function useScrapers(q: string, limit = 20, status: string | null = null) {
  return useInfiniteQuery({
    queryKey: [...scraperKeys.all, "list", q, status, limit],
    queryFn: ({ pageParam, signal }) => scrapers.list({ q, status, limit, cursor: pageParam }, signal),
    initialPageParam: null as string | null,
    getNextPageParam: (page) => page.next_cursor ?? null,
    placeholderData: keepPreviousData,
    refetchInterval: (query) => {
      const pages = query.state.data?.pages ?? [];
      return pages.some((page) => page.items.some((job) => !isSettled(job.status))) ? LIVE_MS : LIVE_MS * 4;
    },
  });
}

export function useScraper(id: string, enabled = true) {
  return useQuery({
    queryKey: scraperKeys.one(id),
    queryFn: ({ signal }) => scrapers.get(id, signal),
    enabled,
    // the WebSocket is faster; this is for when it cannot be had
    refetchInterval: (query) => (query.state.data && !isSettled(query.state.data.status) ? LIVE_MS : false),
  });
}

/** How a scraper's endpoint is doing. Only scrapers that have code have this. */
export function useHealth(id: string, enabled = true) {
  return useQuery({
    queryKey: scraperKeys.health(id),
    queryFn: ({ signal }) => scrapers.health(id, signal),
    enabled,
    staleTime: LIVE_MS,
    refetchInterval: LIVE_MS * 4,
    retry: false,
  });
}

/** Null if it does not run by itself. */
export function useSchedule(id: string) {
  return useQuery({
    queryKey: scraperKeys.schedule(id),
    queryFn: async ({ signal }) => {
      try {
        return await scrapers.schedule(id, signal);
      } catch (error) {
        if (isNotFound(error)) return null;
        throw error;
      }
    },
    refetchInterval: LIVE_MS * 4,
    retry: false,
  });
}
