// Scraper jobs and their endpoints as the server sends them. What is marked optional may be missing on older servers.
// Not here: fetching them (scrapers), making sense of `analysis` and `attempts` (lib/scrapers/read).
import type { Json, JsonObject } from "./types";

export const JOB_STATUSES = ["pending", "analyzing", "generating", "testing", "ready", "failed"] as const;
export type JobStatus = (typeof JOB_STATUSES)[number];

export interface JobError {
  code: string;
  /** What exactly it was, for programs: `dns_failed`, `login`. */
  reason?: string | null;
  message: string;
  suggestion?: string | null;
}

/** What the WebSocket sends at each change, and `…/status` once. */
export interface JobState {
  id: string;
  status: JobStatus;
  progress: number;
  message: string;
  updated_at: string;
  api_endpoint: string | null;
  sample_data: Json;
  error: JobError | null;
  code_version: number | null;
}

export interface Job extends JobState {
  url: string;
  description: string;
  created_at: string;
  scraper_code: string | null;
  analysis: Json;
  cost_usd: number;
  attempts: Json[];
  ignore_robots?: boolean;
  /** What people have asked for besides the description, one line each. */
  feedback?: string | null;
}

export type HealthStatus = "unknown" | "healthy" | "degraded" | "failing";

export interface ScraperRun {
  at: string;
  ok: boolean;
  /** Why it ran: `made`, `endpoint`, `test`, `schedule`. */
  trigger: string;
  records: number | null;
  duration_ms: number | null;
  code_version: number | null;
  error: JobError | null;
  /** How its result differs from what the scraper used to give. */
  drift?: string[];
  note: string | null;
}

/** How an endpoint has been doing; the latest run first. */
export interface Health {
  job_id: string;
  status: HealthStatus;
  message: string;
  drift: string[];
  last_ok_at: string | null;
  runs: ScraperRun[];
}

export interface Delivery {
  id: string;
  /** `scraper.changed`, `scraper.failing`, `scraper.recovered`. */
  event: string;
  status: "pending" | "delivered" | "failed";
  attempts: number;
  created_at: string;
  last_attempt_at: string | null;
  http_status: number | null;
  error: string | null;
}

export interface Schedule {
  job_id: string;
  /** As it was written: `15m`, `1h`, `1d`. */
  every: string;
  every_seconds: number;
  webhook_url: string | null;
  webhook_signed: boolean;
  next_run_at: string;
  last_run_at: string | null;
  last_ok: boolean | null;
  last_error: JobError | null;
  last_change_at: string | null;
  last_changes: { added: number; removed: number; changed: number } | null;
  deliveries: Delivery[];
}

export interface NewSchedule {
  every: string;
  webhook_url?: string;
  webhook_secret?: string;
}

export interface NewJob {
  url: string;
  description: string;
  ignore_robots?: boolean;
}

export interface TestResult {
  ok: boolean;
  data: Json;
  error?: JobError | null;
  duration_ms: number;
}

export interface EndpointData {
  request_timestamp: string;
  source_url: string;
  data: Json[];
  metadata: JsonObject;
}

export interface EndpointQuery {
  fresh: boolean;
  limit: number | null;
  offset: number | null;
}
