// The REST client: one function per route of the public API over one small fetch wrapper. Not here: caching (hooks).
import { apiKey, keyRequired } from "./auth";
import { ApiError, NetworkError } from "./errors";
import { answered, unanswered } from "./reachability";
import type {
  Budget,
  ErrorBody,
  Estimate,
  Execution,
  ExecutionSummary,
  Json,
  Model,
  Page,
  Plan,
  StartedExecution,
  StoredEvent,
  ValidationReport,
  VersionInfo,
  Workflow,
  WorkflowDocument,
} from "./types";

const BASE = "/api/v1";

export interface RequestOptions {
  method?: string;
  query?: Record<string, string | number | null | undefined>;
  body?: unknown;
  headers?: Record<string, string>;
  signal?: AbortSignal | undefined;
}

async function errorOf(response: Response): Promise<ApiError> {
  let body: Partial<ErrorBody> = {};
  try {
    const parsed: unknown = await response.json();
    if (typeof parsed === "object" && parsed !== null) body = parsed as Partial<ErrorBody>;
  } catch {
    // a proxy in between may answer with something that is no JSON; the status says enough
  }
  return new ApiError(response.status, body, response.headers.get("x-request-id"));
}

export function urlOf(path: string, query: RequestOptions["query"] = {}): string {
  const params = new URLSearchParams();
  for (const [name, value] of Object.entries(query)) {
    if (value !== null && value !== undefined && value !== "") params.set(name, String(value));
  }
  const text = params.toString();
  return text === "" ? path : `${path}?${text}`;
}

async function send(path: string, options: RequestOptions, accept: string): Promise<Response> {
  const headers: Record<string, string> = { accept, ...options.headers };
  const key = apiKey();
  if (key !== null) headers.authorization = `Bearer ${key}`;
  if (options.body !== undefined) headers["content-type"] = "application/json";
  let response: Response;
  try {
    response = await fetch(urlOf(path, options.query), {
      method: options.method ?? "GET",
      headers,
      body: options.body === undefined ? null : JSON.stringify(options.body),
      signal: options.signal ?? null,
      cache: "no-store",
    });
  } catch (error) {
    if (options.signal?.aborted) throw error;
    unanswered();
    throw new NetworkError(error);
  }
  answered();
  if (!response.ok) {
    if (response.status === 401) keyRequired.set(true);
    throw await errorOf(response);
  }
  return response;
}

/** Sends one request; resolves to the JSON answer, or throws ApiError, NetworkError or the abort. */
export async function request<T>(path: string, options: RequestOptions = {}): Promise<T> {
  const response = await send(path, options, "application/json");
  if (response.status === 204) return undefined as T;
  const text = await response.text();
  return (text === "" ? undefined : JSON.parse(text)) as T;
}

/** The same for answers that are no JSON. */
export async function requestText(path: string, options: RequestOptions = {}): Promise<string> {
  return (await send(path, options, "*/*")).text();
}

const id = encodeURIComponent;
type Signal = AbortSignal | undefined;

export interface ExecutionFilter {
  status?: string | null;
  limit?: number;
  cursor?: string | null;
}

export const api = {
  workflows: (query: { q?: string; limit?: number; cursor?: string | null }, signal?: Signal) =>
    request<Page<Workflow>>(`${BASE}/workflows`, { query, signal }),
  workflow: (workflow: string, signal?: Signal) => request<Workflow>(`${BASE}/workflows/${id(workflow)}`, { signal }),
  createWorkflow: (document: WorkflowDocument) =>
    request<Workflow>(`${BASE}/workflows`, { method: "POST", body: document }),
  /** Saves whatever is well-formed, valid or not, as a draft. */
  createDraft: (document: WorkflowDocument) =>
    request<Workflow>(`${BASE}/workflows`, { method: "POST", query: { draft: "true" }, body: document }),
  /** The next version, if the latest one is still `version`; 412 otherwise. */
  saveDraft: (workflow: string, version: number, document: WorkflowDocument) =>
    request<Workflow>(`${BASE}/workflows/${id(workflow)}`, {
      method: "PUT",
      query: { draft: "true" },
      body: document,
      headers: { "if-match": `"${version}"` },
    }),
  validate: (document: WorkflowDocument, signal?: Signal) =>
    request<ValidationReport>(`${BASE}/workflows/validate`, { method: "POST", body: document, signal }),
  planDocument: (document: WorkflowDocument, signal?: Signal) =>
    request<Plan>(`${BASE}/workflows/plan`, { method: "POST", body: document, signal }),
  estimate: (body: { document: WorkflowDocument; inputs: Json; budget?: Budget }, signal?: Signal) =>
    request<Estimate>(`${BASE}/workflows/estimate`, { method: "POST", body, signal }),
  deleteWorkflow: (workflow: string) => request<void>(`${BASE}/workflows/${id(workflow)}`, { method: "DELETE" }),
  versions: (workflow: string, signal?: Signal) =>
    request<Page<VersionInfo>>(`${BASE}/workflows/${id(workflow)}/versions`, { signal }),
  workflowVersion: (workflow: string, version: number, signal?: Signal) =>
    request<Workflow>(`${BASE}/workflows/${id(workflow)}/versions/${version}`, { signal }),
  plan: (workflow: string, signal?: Signal) =>
    request<Plan>(`${BASE}/workflows/${id(workflow)}/plan`, { method: "POST", body: {}, signal }),
  execute: (workflow: string, body: { inputs: Json; budget?: Budget }, idempotencyKey: string) =>
    request<StartedExecution>(`${BASE}/workflows/${id(workflow)}/execute`, {
      method: "POST",
      body,
      headers: { "idempotency-key": idempotencyKey },
    }),

  executions: (query: ExecutionFilter, signal?: Signal) =>
    request<Page<ExecutionSummary>>(`${BASE}/executions`, { query: { ...query }, signal }),
  workflowExecutions: (workflow: string, query: ExecutionFilter, signal?: Signal) =>
    request<Page<ExecutionSummary>>(`${BASE}/workflows/${id(workflow)}/executions`, { query: { ...query }, signal }),
  execution: (execution: string, signal?: Signal) =>
    request<Execution>(`${BASE}/executions/${id(execution)}`, { signal }),
  events: (execution: string, after: number, signal?: Signal) =>
    request<Page<StoredEvent>>(`${BASE}/executions/${id(execution)}/events`, { query: { after }, signal }),
  cancel: (execution: string) => request<unknown>(`${BASE}/executions/${id(execution)}/cancel`, { method: "POST" }),
  resume: (execution: string, body: { budget?: Budget; from_node?: string }) =>
    request<unknown>(`${BASE}/executions/${id(execution)}/resume`, { method: "POST", body }),

  models: (signal?: Signal) => request<Page<Model>>(`${BASE}/models`, { signal }),
};

export interface Readiness {
  ready: boolean;
  version: string | null;
  body: Json;
}

/** `/readyz` answers 200 or 503; both are an answer. Plain text is accepted too. */
export async function readiness(signal?: Signal): Promise<Readiness> {
  let response: Response;
  try {
    response = await fetch("/readyz", { cache: "no-store", signal: signal ?? null });
  } catch (error) {
    if (signal?.aborted) throw error;
    throw new NetworkError(error);
  }
  const text = await response.text();
  let body: Json = text;
  try {
    body = JSON.parse(text) as Json;
  } catch {
    // plain text
  }
  const version =
    typeof body === "object" && body !== null && !Array.isArray(body) && typeof body.version === "string"
      ? body.version
      : null;
  return { ready: response.ok, version, body };
}

/** The server's version, from its OpenAPI document. */
export async function serverVersion(signal?: Signal): Promise<string | null> {
  const document = await request<{ info?: { version?: string } }>("/openapi.json", { signal });
  return document.info?.version ?? null;
}
