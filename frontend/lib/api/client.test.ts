// The REST client against a scripted fetch: what it sends, and what errors become.
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { keyRequired, setApiKey, socketProtocols } from "./auth";
import { api, readiness, urlOf } from "./client";
import { ApiError, describeError, isNotFound, isTransient, NetworkError } from "./errors";
import { reachability } from "./reachability";

const calls: { url: string; init: RequestInit }[] = [];
let answer: () => Response | Promise<Response>;

beforeEach(() => {
  calls.length = 0;
  const stored = new Map<string, string>();
  vi.stubGlobal("sessionStorage", {
    getItem: (name: string) => stored.get(name) ?? null,
    setItem: (name: string, value: string) => stored.set(name, value),
    removeItem: (name: string) => stored.delete(name),
  });
  vi.stubGlobal("fetch", async (url: string, init: RequestInit) => {
    calls.push({ url, init });
    return answer();
  });
  keyRequired.set(false);
});

afterEach(() => {
  vi.unstubAllGlobals();
});

const json = (status: number, body: unknown, headers: Record<string, string> = {}) =>
  new Response(JSON.stringify(body), { status, headers });

async function failure(promise: Promise<unknown>): Promise<unknown> {
  try {
    await promise;
  } catch (error) {
    return error;
  }
  throw new Error("it did not fail");
}

describe("requests", () => {
  test("empty parameters are left out, others escaped", () => {
    expect(urlOf("/a", { q: "x y&z", cursor: null, limit: 0, status: "" })).toBe("/a?q=x+y%26z&limit=0");
  });

  test("ids are escaped", async () => {
    answer = () => json(200, {});
    await api.workflow("../x");
    expect(calls[0]?.url).toBe("/api/v1/workflows/..%2Fx");
  });

  test("an execution is started with its key", async () => {
    answer = () => json(202, { execution_id: "e", status: "queued" });
    expect(await api.execute("w", { inputs: { a: 1 } }, "k")).toEqual({ execution_id: "e", status: "queued" });
    expect(calls[0]?.init).toMatchObject({ method: "POST", body: '{"inputs":{"a":1}}' });
    expect(calls[0]?.init.headers).toMatchObject({ "idempotency-key": "k", "content-type": "application/json" });
  });

  test("204 and empty answers are fine", async () => {
    answer = () => new Response(null, { status: 204 });
    await expect(api.deleteWorkflow("w")).resolves.toBeUndefined();
    answer = () => new Response("", { status: 202 });
    await expect(api.cancel("e")).resolves.toBeUndefined();
  });
});

describe("keys", () => {
  test("401 asks for one; it is sent as a header and as a subprotocol", async () => {
    answer = () => json(401, { error: "unauthorized", message: "A key is needed." });
    expect(socketProtocols()).toEqual([]);
    await failure(api.models());
    expect(keyRequired.get()).toBe(true);
    setApiKey("secret");
    answer = () => json(200, { items: [] });
    await api.models();
    expect(calls[1]?.init.headers).toMatchObject({ authorization: "Bearer secret" });
    expect(calls[1]?.url).not.toContain("secret");
    expect(socketProtocols()).toEqual(["nexus", "bearer.secret"]);
    setApiKey(null);
    expect(socketProtocols()).toEqual([]);
  });
});

describe("errors", () => {
  test("the server's words are kept", async () => {
    answer = () =>
      json(422, {
        error: "invalid_inputs",
        message: "No.",
        suggestion: "Try.",
        details: [{ path: "/inputs/a", message: "bad" }],
        request_id: "r1",
      });
    const error = await failure(api.models());
    expect(error).toBeInstanceOf(ApiError);
    expect(describeError(error)).toEqual({
      title: "Not valid",
      message: "No.",
      suggestion: "Try.",
      details: [{ path: "/inputs/a", message: "bad" }],
      requestId: "r1",
    });
  });

  test("an answer that is no JSON still has a status and an id", async () => {
    answer = () => new Response("<html>", { status: 502, headers: { "x-request-id": "r2" } });
    expect(describeError(await failure(api.models()))).toMatchObject({
      title: "The server had a problem",
      message: "The server answered with status 502.",
      requestId: "r2",
    });
  });

  test("no answer at all is remembered until the next one", async () => {
    answer = () => Promise.reject(new TypeError("failed"));
    const error = await failure(api.models());
    expect(error).toBeInstanceOf(NetworkError);
    expect(isTransient(error)).toBe(true);
    expect(reachability.get().lost).toBe(true);
    answer = () => json(200, { items: [] });
    await api.models();
    expect(reachability.get().lost).toBe(false);
  });

  test("an abort stays an abort", async () => {
    const abort = new AbortController();
    answer = () => {
      abort.abort();
      return Promise.reject(new DOMException("stop", "AbortError"));
    };
    expect(await failure(api.models(abort.signal))).toBeInstanceOf(DOMException);
  });

  test("which errors mean what", () => {
    expect([400, 404, 409].map((status) => isNotFound(new ApiError(status, {})))).toEqual([true, true, false]);
    expect([402, 429, 500, 503].map((status) => isTransient(new ApiError(status, {})))).toEqual([
      false,
      true,
      false,
      true,
    ]);
  });
});

describe("health", () => {
  test("503 is an answer too, and plain text is accepted", async () => {
    answer = () => json(503, { status: "starting", version: "1.2.3" });
    expect(await readiness()).toMatchObject({ ready: false, version: "1.2.3" });
    answer = () => new Response("ok");
    expect(await readiness()).toEqual({ ready: true, version: null, body: "ok" });
  });
});
