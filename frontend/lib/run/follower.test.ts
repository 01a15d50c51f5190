// The follower against a scripted server that is killed, lies late, or forgets: what the page knows must stay right.
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { ApiError, NetworkError } from "../api/errors";
import type { Execution, StoredEvent } from "../api/types";
import type { SocketLike } from "../live/socket";
import { Follower } from "./follower";

const MINUTE = Date.UTC(2026, 0, 1);

class Server {
  log: StoredEvent[] = [];
  status: Execution["status"] = "running";
  up = true;
  sockets: (SocketLike & { after: number })[] = [];
  fetches = 0;

  event(type: StoredEvent["type"], agent: string | null = null, data: StoredEvent["data"] = {}): void {
    const seq = this.log.length + 1;
    const event = {
      seq,
      execution_id: "x",
      type,
      agent_id: agent,
      data,
      timestamp: new Date(MINUTE + seq).toISOString(),
    };
    this.log.push(event);
    if (type === "execution_completed") this.status = data.status as Execution["status"];
    for (const socket of this.sockets) socket.onmessage?.({ data: JSON.stringify(event) });
    if (type === "execution_completed") this.hangUp(1000);
  }

  hangUp(code: number): void {
    const sockets = this.sockets;
    this.sockets = [];
    for (const socket of sockets) socket.onclose?.({ code });
  }

  connect = (after: number): SocketLike => {
    const socket: SocketLike & { after: number } = {
      after,
      onopen: null,
      onmessage: null,
      onclose: null,
      onerror: null,
      close: () => {
        this.sockets = this.sockets.filter((each) => each !== socket);
      },
    };
    setTimeout(() => {
      if (!this.up) {
        socket.onclose?.({ code: 1006 });
        return;
      }
      this.sockets.push(socket);
      socket.onopen?.({});
      for (const event of this.log) if (event.seq > after) socket.onmessage?.({ data: JSON.stringify(event) });
      if (this.status !== "running") this.hangUp(1000);
    }, 1);
    return socket;
  };

  fetchExecution = async (): Promise<Execution> => {
    this.fetches += 1;
    if (!this.up) throw new NetworkError();
    return {
      id: "x",
      workflow_id: "w",
      workflow_version: 1,
      status: this.status,
      error: null,
      inputs: {},
      outputs: {},
      budget: { limit_usd: null, spent_usd: this.log.length / 100, reserved_usd: 0 },
      tokens: { prompt: 0, completion: 0 },
      created_at: new Date(MINUTE).toISOString(),
      started_at: new Date(MINUTE).toISOString(),
      finished_at: null,
      agent_executions: [],
    };
  };

  fetchEvents = async (after: number) => {
    if (!this.up) throw new NetworkError();
    return { items: this.log.filter((event) => event.seq > after) };
  };
}

let server: Server;
let follower: Follower;

const follow = (change: Partial<ConstructorParameters<typeof Follower>[0]> = {}) => {
  follower = new Follower({
    fetchExecution: server.fetchExecution,
    fetchEvents: server.fetchEvents,
    connect: server.connect,
    ...change,
  });
  follower.start();
};
const pass = (ms: number) => vi.advanceTimersByTimeAsync(ms);
const seqs = () => follower.get().run.events.map((event) => event.seq);

beforeEach(() => {
  vi.useFakeTimers({ now: MINUTE });
  server = new Server();
});

afterEach(() => {
  follower.stop();
  vi.useRealTimers();
});

describe("follower", () => {
  test("loads what was and listens to what comes", async () => {
    server.event("execution_started");
    server.event("agent_started", "a");
    follow();
    await pass(10);
    expect(follower.get().phase).toBe("ready");
    expect(server.sockets[0]?.after).toBe(2);
    server.event("agent_completed", "a", { output: 1 });
    await pass(10);
    expect(seqs()).toEqual([1, 2, 3]);
    expect(follower.get().run.nodes.get("a")?.status).toBe("succeeded");
  });

  test("a finished run is loaded without a connection", async () => {
    server.event("execution_started");
    server.event("execution_completed", null, { status: "succeeded" });
    follow();
    await pass(10);
    expect(follower.get().run.status).toBe("succeeded");
    expect(follower.get().connection.state).toBe("idle");
  });

  test("the server is killed and comes back: nothing is lost or doubled, without anybody's help", async () => {
    server.event("execution_started");
    follow();
    await pass(10);
    server.event("agent_started", "a");
    server.up = false;
    server.hangUp(1006);
    await pass(500);
    expect(follower.get().connection.state).toBe("waiting");
    expect(follower.get().run.status).toBe("running");
    server.event("agent_completed", "a", { output: 1 });
    server.event("agent_started", "b");
    server.up = true;
    await pass(8_000);
    expect(follower.get().connection.state).toBe("open");
    expect(follower.get().error).toBeNull();
    server.event("execution_completed", null, { status: "succeeded" });
    await pass(10);
    expect(seqs()).toEqual([1, 2, 3, 4, 5]);
    expect(follower.get().run.status).toBe("succeeded");
  });

  test("without stored events from REST the connection brings them all", async () => {
    server.event("execution_started");
    server.event("agent_started", "a");
    follow({ fetchEvents: async () => Promise.reject(new ApiError(503, {})) });
    await pass(10);
    expect(seqs()).toEqual([1, 2]);
  });

  test("a hole in the stored events is filled by the connection", async () => {
    server.event("execution_started");
    server.event("agent_started", "a");
    server.event("agent_started", "b");
    follow({ fetchEvents: async () => ({ items: server.log.filter((event) => event.seq !== 2) }) });
    await pass(10);
    expect(seqs()).toEqual([1, 2, 3]);
  });

  test("a burst of events asks for a snapshot at most once a second", async () => {
    server.event("execution_started");
    follow();
    await pass(2_000);
    const before = server.fetches;
    for (let step = 0; step < 20; step += 1) {
      server.event("agent_started", `n${step}`);
      await pass(50);
    }
    expect(server.fetches - before).toBeLessThanOrEqual(2);
    await pass(1_500);
    expect(follower.get().run.spentUsd).toBe(server.log.length / 100);
  });

  test("a resume is heard after waking up", async () => {
    server.event("execution_started");
    server.event("execution_completed", null, { status: "failed" });
    follow();
    await pass(10);
    server.status = "running";
    server.event("execution_started");
    follower.wake();
    await pass(10);
    expect(seqs()).toEqual([1, 2, 3]);
    expect(follower.get().run.status).toBe("running");
  });

  test("an unknown id is said, and not asked for again", async () => {
    follow({ fetchExecution: async () => Promise.reject(new ApiError(404, { message: "no" })) });
    await pass(60_000);
    expect(follower.get().phase).toBe("failed");
    expect(server.sockets).toEqual([]);
  });

  test("a server that is away at first is waited for", async () => {
    server.up = false;
    follow();
    await pass(10);
    expect(follower.get().phase).toBe("failed");
    server.up = true;
    server.event("execution_started");
    await pass(4_000);
    expect(follower.get().phase).toBe("ready");
    expect(seqs()).toEqual([1]);
  });

  test("started again after a stop (React does that) it goes on", async () => {
    server.event("execution_started");
    follow();
    follower.stop();
    follower.start();
    await pass(10);
    server.event("agent_started", "a");
    await pass(10);
    expect(seqs()).toEqual([1, 2]);
    expect(server.sockets).toHaveLength(1);
  });
});
