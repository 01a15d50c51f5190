// Where a scraper job stands: the look of each state, the five steps of making one, what to do about a failure.
import type { Job, JobState, JobStatus } from "../api/scraper-types";
import type { StatusLook } from "../status";

const LOOKS: Record<JobStatus, StatusLook> = {
  pending: { word: "Waiting", tone: "slate", shape: "clock" },
  analyzing: { word: "Analyzing", tone: "blue", shape: "spinner" },
  generating: { word: "Generating", tone: "blue", shape: "spinner" },
  testing: { word: "Testing", tone: "blue", shape: "spinner" },
  ready: { word: "Ready", tone: "green", shape: "check" },
  failed: { word: "Failed", tone: "red", shape: "octagon" },
};

export function jobLook(status: JobStatus): StatusLook {
  return LOOKS[status] ?? { word: String(status), tone: "slate", shape: "hollow" };
}

/** Nothing more happens by itself. */
export function isSettled(status: JobStatus): boolean {
  return status === "ready" || status === "failed";
}

export interface Step {
  key: JobStatus;
  title: string;
  /** What is done in it. */
  does: string;
  state: "done" | "current" | "failed" | "open";
}

const STEPS: readonly Omit<Step, "state">[] = [
  { key: "pending", title: "Accepted", does: "it has its place in the queue" },
  { key: "analyzing", title: "Analyze", does: "the page is fetched and its lists are found" },
  { key: "generating", title: "Generate", does: "the Python code is written" },
  { key: "testing", title: "Test", does: "the code runs in the sandbox; its result is checked" },
  { key: "ready", title: "Ready", does: "the endpoint answers" },
];

const BY_PROGRESS: readonly [number, number][] = [
  [80, 3],
  [50, 2],
  [20, 1],
];

/** Which of the five steps a failure belongs to, by its code; the wire does not say where it happened. */
const FAILED_AT: Record<string, number> = {
  WebsiteAccessError: 1,
  ScraperGenerationError: 2,
  SandboxExecutionError: 3,
  APICreationError: 4,
};

/** The five steps and how far the job is. */
export function stepsOf(job: Pick<JobState, "status" | "progress" | "error">): Step[] {
  const failed = job.status === "failed";
  const at = failed
    ? (FAILED_AT[job.error?.code ?? ""] ??
      BY_PROGRESS.find(([least]) => job.progress < 100 && job.progress >= least)?.[1] ??
      1)
    : STEPS.findIndex((step) => step.key === job.status);
  return STEPS.map((step, index) => {
    const state = index < at || job.status === "ready" ? "done" : index > at ? "open" : failed ? "failed" : "current";
    return { ...step, state };
  });
}

/** What is said while it is made, for screen readers: the step, and the server's sentence. */
export function announce(job: Pick<JobState, "status" | "message" | "error">): string {
  if (job.status === "ready") return "The scraper is ready.";
  if (job.status === "failed") return `The scraper could not be made. ${job.error?.message ?? job.message}`.trim();
  return `${jobLook(job.status).word}. ${job.message}`.trim();
}

const TITLES: Record<string, string> = {
  WebsiteAccessError: "The page could not be read",
  ScraperGenerationError: "No scraper could be written for it",
  SandboxExecutionError: "The scraper did not work",
  APICreationError: "The endpoint could not be made",
};

const ADVICE: Record<string, string> = {
  WebsiteAccessError:
    "Open the address in a browser, without being signed in. If it does not show the data there, use another address.",
  ScraperGenerationError: "Name the fields as they are called on the page, or use the address of the list itself.",
  SandboxExecutionError:
    "Try again; if it fails in the same way, say what is wrong in a few words and have it written anew.",
  APICreationError: "Try again in a moment; the code is kept.",
};

export interface Failed {
  code: string;
  title: string;
  message: string;
  /** What to do next; never empty. */
  suggestion: string;
}

/** A failure in words, with something to do about it whatever the server said. */
export function failureOf(job: Pick<JobState, "error" | "message">): Failed {
  const code = job.error?.code ?? "";
  const said = job.error?.message?.trim() ?? "";
  const suggestion = job.error?.suggestion?.trim() ?? "";
  return {
    code,
    title: TITLES[code] ?? "The scraper could not be made",
    message: said !== "" ? said : job.message,
    suggestion: suggestion !== "" ? suggestion : (ADVICE[code] ?? "Try again, or change the description."),
  };
}

/** The job after a message from the server; what is older than what we have changes nothing. */
export function withState(job: Job, state: Partial<JobState>): Job {
  if (state.id !== job.id || typeof state.status !== "string") return job;
  if (state.updated_at !== undefined && Date.parse(state.updated_at) < Date.parse(job.updated_at)) return job;
  return { ...job, ...state };
}

/** The host of an address, for lists; the address itself if it has none. */
export function hostOf(url: string): string {
  try {
    return new URL(url).host || url;
  } catch {
    return url;
  }
}
