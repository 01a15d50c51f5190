// The part of the REST client that is about scrapers. Not here: caching (hooks), the WebSocket (hooks/use-job).
import { request, requestText } from "./client";
import type {
  EndpointData,
  EndpointQuery,
  Health,
  Job,
  NewJob,
  NewSchedule,
  Schedule,
  TestResult,
} from "./scraper-types";
import type { JsonObject, Page } from "./types";

const BASE = "/api/v1";
const job = (id: string) => `${BASE}/scraping/jobs/${encodeURIComponent(id)}`;

type Signal = AbortSignal | undefined;

export interface JobFilter {
  q?: string;
  status?: string | null;
  limit?: number;
  cursor?: string | null;
}

function queryOf({ fresh, limit, offset }: EndpointQuery) {
  return { fresh: fresh ? "true" : null, limit, offset: offset === 0 ? null : offset };
}

/** The address of a scraper's endpoint, as programs call it. */
export function endpointPath(id: string): string {
  return `${BASE}/generated/${encodeURIComponent(id)}`;
}

export const scrapers = {
  list: (query: JobFilter, signal?: Signal) =>
    request<Page<Job>>(`${BASE}/scraping/jobs`, { query: { ...query }, signal }),
  get: (id: string, signal?: Signal) => request<Job>(job(id), { signal }),
  create: (body: NewJob) => request<Job>(`${BASE}/scraping/requests`, { method: "POST", body }),
  delete: (id: string) => request<void>(job(id), { method: "DELETE" }),
  test: (id: string) => request<TestResult>(`${job(id)}/test`, { method: "POST" }),
  regenerate: (id: string, feedback: string) =>
    request<Job>(`${job(id)}/regenerate`, {
      method: "POST",
      ...(feedback.trim() === "" ? {} : { body: { feedback: feedback.trim() } }),
    }),
  health: (id: string, signal?: Signal) => request<Health>(`${job(id)}/health`, { signal }),
  schedule: (id: string, signal?: Signal) => request<Schedule>(`${job(id)}/schedule`, { signal }),
  saveSchedule: (id: string, body: NewSchedule) => request<Schedule>(`${job(id)}/schedule`, { method: "PUT", body }),
  deleteSchedule: (id: string) => request<void>(`${job(id)}/schedule`, { method: "DELETE" }),
  data: (id: string, query: EndpointQuery, signal?: Signal) =>
    request<EndpointData>(endpointPath(id), { query: queryOf(query), signal }),
  openapi: (id: string) => request<JsonObject>(`${endpointPath(id)}/openapi.json`),
  csv: (id: string, query: EndpointQuery, signal?: Signal) =>
    requestText(endpointPath(id), { query: { ...queryOf(query), format: "csv" }, signal }),
};
