// What can go wrong with a request, and how a page says it. Not here: making requests.
import type { ErrorBody } from "./types";

/** The server answered, but not with what was asked for. */
export class ApiError extends Error {
  override readonly name = "ApiError";
  readonly status: number;
  readonly code: string;
  readonly suggestion: string | null;
  readonly details: { path: string; message: string }[];
  readonly requestId: string | null;

  constructor(status: number, body: Partial<ErrorBody>, requestId: string | null = null) {
    super(body.message ?? `The server answered with status ${status}.`);
    this.status = status;
    this.code = body.error ?? `http_${status}`;
    this.suggestion = body.suggestion ?? null;
    this.details = Array.isArray(body.details) ? body.details : [];
    this.requestId = body.request_id ?? requestId;
  }
}

/** No answer came at all. */
export class NetworkError extends Error {
  override readonly name = "NetworkError";
  constructor(cause?: unknown) {
    super("The Nexus server cannot be reached.", { cause });
  }
}

export interface ErrorView {
  title: string;
  message: string;
  suggestion: string | null;
  details: { path: string; message: string }[];
  requestId: string | null;
}

const TITLES: Record<number, string> = {
  401: "An API key is needed",
  402: "Over budget",
  403: "Not allowed",
  404: "Not found",
  409: "Not possible right now",
  412: "Changed in the meantime",
  413: "Too large",
  422: "Not valid",
  429: "Too many requests",
  501: "Not available yet",
  503: "A part of Nexus is not available",
};

/** Any thrown value as something that can be shown. */
export function describeError(error: unknown): ErrorView {
  if (error instanceof ApiError) {
    return {
      title: TITLES[error.status] ?? (error.status >= 500 ? "The server had a problem" : "The request was refused"),
      message: error.message,
      suggestion: error.suggestion,
      details: error.details,
      requestId: error.requestId,
    };
  }
  if (error instanceof NetworkError) {
    return {
      title: "No connection",
      message: error.message,
      suggestion: "Check that Nexus is still running. This page tries again by itself.",
      details: [],
      requestId: null,
    };
  }
  return {
    title: "Something went wrong",
    message: error instanceof Error ? error.message : String(error),
    suggestion: "Reload the page. If it happens again, the browser's console says more.",
    details: [],
    requestId: null,
  };
}

/** Whether asking again may help: nothing answered, or a dependency is down. */
export function isTransient(error: unknown): boolean {
  return error instanceof NetworkError || (error instanceof ApiError && (error.status === 503 || error.status === 429));
}

export function isNotFound(error: unknown): boolean {
  return error instanceof ApiError && (error.status === 404 || error.status === 400);
}
