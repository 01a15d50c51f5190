// The live connection against a scripted server: order, gaps, waiting, ends.
import { beforeEach, describe, expect, test } from "vitest";
import type { LiveEvent } from "../api/types";
import { backoffMs, type Connection, LiveSocket, type SocketLike } from "./socket";

class FakeSocket implements SocketLike {
  onopen: SocketLike["onopen"] = null;
  onmessage: SocketLike["onmessage"] = null;
  onclose: SocketLike["onclose"] = null;
  onerror: SocketLike["onerror"] = null;
  closed = false;
  constructor(readonly after: number) {}
  close() {
    this.closed = true;
  }
  send(...seqs: number[]) {
    for (const seq of seqs) this.onmessage?.({ data: JSON.stringify({ seq, type: "agent_started", data: {} }) });
  }
}

let sockets: FakeSocket[];
let received: LiveEvent[];
let states: Connection[];
let timers: { callback: () => void; ms: number }[];
let last: number;
let live: LiveSocket;

const current = () => sockets.at(-1) as FakeSocket;
const seqs = () => received.map((event) => ("seq" in event ? event.seq : event.type));
const fire = () => timers.pop()?.callback();

beforeEach(() => {
  sockets = [];
  received = [];
  states = [];
  timers = [];
  last = 0;
  live = new LiveSocket({
    connect: (after) => {
      const socket = new FakeSocket(after);
      sockets.push(socket);
      return socket;
    },
    lastSeq: () => last,
    onEvent: (event) => {
      received.push(event);
      if ("seq" in event) last = event.seq;
    },
    onConnection: (connection) => states.push(connection),
    now: () => 1_000,
    setTimer: (callback, ms) => {
      timers.push({ callback, ms });
      return timers.length;
    },
    clearTimer: () => {
      timers = [];
    },
  });
});

describe("live socket", () => {
  test("waits 1, 2, 4 … at most 30 seconds", () => {
    expect([1, 2, 3, 4, 5, 6, 7, 100].map(backoffMs)).toEqual([
      1_000, 2_000, 4_000, 8_000, 16_000, 30_000, 30_000, 30_000,
    ]);
  });

  test("hands events on in order and drops doubled ones", () => {
    live.open();
    current().send(1, 2, 2, 1, 3);
    expect(seqs()).toEqual([1, 2, 3]);
  });

  test("comes back after the last event", () => {
    live.open();
    current().send(1, 2);
    current().onclose?.({ code: 1006 });
    expect(states.at(-1)).toEqual({ state: "waiting", tries: 1, retryAt: 2_000 });
    fire();
    expect(current().after).toBe(2);
    current().send(2, 3);
    expect(seqs()).toEqual([1, 2, 3]);
  });

  test("a gap is not passed on: it asks again", () => {
    live.open();
    current().send(1, 3);
    expect(seqs()).toEqual([1]);
    expect(sockets[0]?.closed).toBe(true);
    sockets[0]?.send(4);
    fire();
    expect(current().after).toBe(1);
    current().send(2, 3);
    expect(seqs()).toEqual([1, 2, 3]);
  });

  test("waits longer with every failure and starts over after a message", () => {
    live.open();
    for (let round = 0; round < 3; round += 1) {
      current().onclose?.({ code: 1006 });
      fire();
    }
    expect(states.filter((state) => state.state === "waiting").map((state) => state.retryAt - 1_000)).toEqual([
      1_000, 2_000, 4_000,
    ]);
    current().send(1);
    current().onclose?.({ code: 1006 });
    expect(states.at(-1)).toMatchObject({ state: "waiting", tries: 1 });
  });

  test("deltas pass without a number", () => {
    live.open();
    current().onmessage?.({ data: JSON.stringify({ type: "agent_output_delta", agent_id: "a", data: { text: "x" } }) });
    expect(seqs()).toEqual(["agent_output_delta"]);
  });

  test("what is no JSON is ignored", () => {
    live.open();
    current().onmessage?.({ data: "{" });
    current().onmessage?.({ data: new ArrayBuffer(1) });
    expect(received).toEqual([]);
    expect(live.state).toBe("connecting");
  });

  test.each([
    [1000, "finished"],
    [4404, "unknown"],
  ])("code %i ends it: %s", (code, reason) => {
    live.open();
    current().onclose?.({ code });
    expect(states.at(-1)).toEqual({ state: "ended", reason });
    expect(timers).toEqual([]);
  });

  test("after the end it can be opened again, or asked to try again later", () => {
    live.open();
    current().onclose?.({ code: 1000 });
    live.again();
    expect(live.state).toBe("waiting");
    live.open();
    expect(sockets).toHaveLength(2);
  });

  test("hurrying ends the wait, closing ends everything", () => {
    live.open();
    current().onclose?.({ code: 1006 });
    live.hurry();
    expect(sockets).toHaveLength(2);
    live.close();
    expect(current().closed).toBe(true);
    expect(timers).toEqual([]);
    expect(live.state).toBe("idle");
  });

  test("a connection that cannot even be made is tried again", () => {
    let broken = true;
    const shy = new LiveSocket({
      connect: () => {
        if (broken) throw new Error("refused");
        return new FakeSocket(0);
      },
      lastSeq: () => 0,
      onEvent: () => {},
      onConnection: () => {},
      setTimer: (callback, ms) => timers.push({ callback, ms }),
    });
    shy.open();
    expect(shy.state).toBe("waiting");
    broken = false;
    fire();
    expect(shy.state).toBe("connecting");
  });
});
