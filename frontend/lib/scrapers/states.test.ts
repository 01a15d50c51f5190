// Where a job stands: five steps, messages that come late, failures with something to do about them.
import { describe, expect, test } from "vitest";
import { JOB_STATUSES, type Job, type JobError } from "../api/scraper-types";
import { checkWebhook, everyWords, healthLook, runWords } from "./health";
import { announce, failureOf, hostOf, isSettled, jobLook, stepsOf, withState } from "./states";

const PROGRESS = { pending: 0, analyzing: 20, generating: 50, testing: 80, ready: 100, failed: 100 } as const;

function job(over: Partial<Job> = {}): Job {
  const status = over.status ?? "analyzing";
  return {
    id: "j",
    url: "https://example.com/books",
    description: "books",
    status,
    progress: PROGRESS[status],
    message: "Reading the page",
    created_at: "2026-03-10T12:00:00Z",
    updated_at: "2026-03-10T12:00:01Z",
    api_endpoint: null,
    sample_data: null,
    error: null,
    scraper_code: null,
    code_version: null,
    analysis: null,
    cost_usd: 0,
    attempts: [],
    ...over,
  };
}
const failed = (error: JobError | null) => job({ status: "failed", error });
const states = (one: Job) => stepsOf(one).map((step) => step.state);

describe("steps", () => {
  test("there are always five, and they fill up", () => {
    expect(states(job({ status: "pending" }))).toEqual(["current", "open", "open", "open", "open"]);
    expect(states(job({ status: "analyzing" }))).toEqual(["done", "current", "open", "open", "open"]);
    expect(states(job({ status: "generating" }))).toEqual(["done", "done", "current", "open", "open"]);
    expect(states(job({ status: "testing" }))).toEqual(["done", "done", "done", "current", "open"]);
    expect(states(job({ status: "ready" }))).toEqual(["done", "done", "done", "done", "done"]);
  });

  test("a failure stands at its step", () => {
    expect(states(failed({ code: "WebsiteAccessError", message: "" }))).toEqual([
      "done",
      "failed",
      "open",
      "open",
      "open",
    ]);
    expect(states(failed({ code: "ScraperGenerationError", message: "" }))[2]).toBe("failed");
    expect(states(failed({ code: "SandboxExecutionError", message: "" }))[3]).toBe("failed");
    expect(states(failed({ code: "APICreationError", message: "" }))[4]).toBe("failed");
    expect(states(failed(null)).filter((state) => state === "failed")).toHaveLength(1);
  });

  test("every state has a look, unknown ones their own word", () => {
    for (const status of JOB_STATUSES) expect(jobLook(status).word).toMatch(/^[A-Z]/);
    expect(jobLook("paused" as never).word).toBe("paused");
    expect(JOB_STATUSES.filter(isSettled)).toEqual(["ready", "failed"]);
    expect(healthLook("healthy").word).toBe("Healthy");
    expect(healthLook("on_holiday").word).toBe("on holiday");
  });

  test("no two states are told apart by colour alone", () => {
    const looks = [JOB_STATUSES.map(jobLook), ["unknown", "healthy", "degraded", "failing"].map(healthLook)];
    for (const each of looks) expect(new Set(each.map((look) => look.word)).size).toBe(each.length);
  });

  test("screen readers hear the step and the server's sentence", () => {
    expect(announce(job())).toBe("Analyzing. Reading the page");
    expect(announce(job({ status: "ready" }))).toBe("The scraper is ready.");
    expect(announce(failed({ code: "x", message: "No." }))).toContain("No.");
  });
});

describe("messages", () => {
  test("a newer state replaces the older one and leaves the rest", () => {
    const next = withState(job({ scraper_code: "x" }), {
      id: "j",
      status: "testing",
      progress: 80,
      message: "Trying",
      updated_at: "2026-03-10T12:00:02Z",
    });
    expect(next).toMatchObject({ status: "testing", progress: 80, message: "Trying", scraper_code: "x" });
  });

  test("an older state, another job's, and nonsense change nothing", () => {
    const now = job({ status: "testing", updated_at: "2026-03-10T12:00:05.120Z" });
    const late = { id: "j", status: "analyzing" as const, updated_at: "2026-03-10T12:00:05.119999Z" };
    expect(withState(now, late)).toBe(now);
    expect(withState(now, { ...late, id: "k", updated_at: "2027-01-01T00:00:00Z" })).toBe(now);
    expect(withState(now, {})).toBe(now);
  });
});

describe("failures", () => {
  test("the server's words first, and always something to do", () => {
    expect(failureOf(failed({ code: "WebsiteAccessError", message: "404", suggestion: "Check it." }))).toEqual({
      code: "WebsiteAccessError",
      title: "The page could not be read",
      message: "404",
      suggestion: "Check it.",
    });
    for (const code of [
      "WebsiteAccessError",
      "ScraperGenerationError",
      "SandboxExecutionError",
      "APICreationError",
      "",
    ]) {
      const failure = failureOf(failed({ code, message: "" }));
      expect(failure.suggestion).not.toBe("");
      expect(failure.message).toBe("Reading the page");
    }
    expect(failureOf(failed(null)).title).toBe("The scraper could not be made");
  });

  test("hosts", () => {
    expect(hostOf("https://example.com:8443/x")).toBe("example.com:8443");
    expect(hostOf("nonsense")).toBe("nonsense");
  });
});

describe("schedules and runs in words", () => {
  test.each([
    [3_600, "every hour"],
    [7_200, "every 2 hours"],
    [5_400, "every 90 minutes"],
    [86_400, "every day"],
    [604_800, "every 7 days"],
    [45, "every 45 seconds"],
  ])("%i seconds", (seconds, words) => expect(everyWords(seconds)).toBe(words));

  test("addresses for messages", () => {
    expect(checkWebhook("")).toBeNull();
    expect(checkWebhook("https://example.com/hook")).toBeNull();
    for (const wrong of ["example.com", "ftp://example.com", "javascript:alert(1)", "https://a:b@example.com"]) {
      expect(checkWebhook(wrong)).not.toBeNull();
    }
  });

  test("runs", () => {
    const run = {
      at: "",
      ok: true,
      trigger: "test",
      records: 1,
      duration_ms: 5,
      code_version: 1,
      error: null,
      note: null,
    };
    expect(runWords(run)).toBe("1 record");
    expect(runWords({ ...run, records: 2_000, note: "all new" })).toBe("2,000 records · all new");
    expect(runWords({ ...run, ok: false, error: { code: "x", message: "It broke." } })).toBe("It broke.");
    expect(runWords({ ...run, ok: false })).toBe("failed");
  });
});
