// A WebSocket that comes back: follows the events of one execution (or the states of one scraper job, which have no
// numbers), reconnects after 1, 2, 4 … 30 s, continues after the last event it has handed on, and lets nothing pass twice
// or out of order. Not here: what the events mean.
import type { LiveEvent } from "../api/types";

export type Connection =
  | { state: "idle" }
  | { state: "connecting"; tries: number }
  | { state: "open" }
  | { state: "waiting"; tries: number; retryAt: number }
  | { state: "ended"; reason: "finished" | "unknown" };

export interface SocketLike {
  onopen: ((event: unknown) => void) | null;
  onmessage: ((event: { data: unknown }) => void) | null;
  onclose: ((event: { code: number }) => void) | null;
  onerror: ((event: unknown) => void) | null;
  close(code?: number): void;
}

export interface LiveSocketOptions<E> {
  /** Opens a connection that begins after this event. */
  connect: (after: number) => SocketLike;
  /** The latest event that the receiver has. */
  lastSeq: () => number;
  onEvent: (event: E) => void;
  onConnection: (connection: Connection) => void;
  now?: () => number;
  setTimer?: (callback: () => void, ms: number) => unknown;
  clearTimer?: (timer: never) => void;
}

const FIRST_DELAY_MS = 1_000;
const LONGEST_DELAY_MS = 30_000;
const FINISHED = 1000;
const UNKNOWN_EXECUTION = 4404;

/** The wait before try 1, 2, 3 …: 1, 2, 4, 8, 16, 30, 30 … seconds. */
export function backoffMs(tries: number): number {
  return Math.min(LONGEST_DELAY_MS, FIRST_DELAY_MS * 2 ** Math.max(0, tries - 1));
}

export class LiveSocket<E extends object = LiveEvent> {
  private socket: SocketLike | null = null;
  private timer: unknown = null;
  private tries = 0;
  private connection: Connection = { state: "idle" };

  constructor(private readonly options: LiveSocketOptions<E>) {}

  get state(): Connection["state"] {
    return this.connection.state;
  }

  /** Connects now, unless it is connected or about to be. */
  open(): void {
    if (this.connection.state === "open" || this.connection.state === "connecting") return;
    this.stopTimer();
    this.tell({ state: "connecting", tries: this.tries });
    let socket: SocketLike;
    try {
      socket = this.options.connect(this.options.lastSeq());
    } catch {
      this.comeBack();
      return;
    }
    this.socket = socket;
    socket.onopen = () => {
      if (this.socket === socket) this.tell({ state: "open" });
    };
    socket.onmessage = (message) => {
      if (this.socket === socket) this.receive(message.data);
    };
    socket.onerror = () => {};
    socket.onclose = ({ code }) => {
      if (this.socket !== socket) return;
      this.socket = null;
      if (code === FINISHED) this.end("finished");
      else if (code === UNKNOWN_EXECUTION) this.end("unknown");
      else this.comeBack();
    };
  }

  /** Connects again although it ended, after the usual wait. */
  again(): void {
    if (this.connection.state === "ended") this.comeBack();
  }

  /** The network came back, or something else suggests that waiting is pointless: tries at once. */
  hurry(): void {
    if (this.connection.state === "waiting") this.open();
  }

  /** Gives the connection up (it may be dead without knowing it) and makes a new one. */
  restart(): void {
    if (this.connection.state !== "open" && this.connection.state !== "connecting") return;
    this.drop();
    this.comeBack();
  }

  close(): void {
    this.stopTimer();
    this.drop();
    this.tries = 0;
    this.tell({ state: "idle" });
  }

  private receive(data: unknown): void {
    if (typeof data !== "string") return;
    let event: E;
    try {
      event = JSON.parse(data) as E;
    } catch {
      return;
    }
    this.tries = 0;
    if ("seq" in event && typeof event.seq === "number") {
      const last = this.options.lastSeq();
      if (event.seq <= last) return;
      if (event.seq > last + 1) {
        // something was lost on the way: ask again for what comes after the last good one
        this.drop();
        this.comeBack();
        return;
      }
    }
    this.options.onEvent(event);
  }

  private end(reason: "finished" | "unknown"): void {
    this.stopTimer();
    this.tell({ state: "ended", reason });
  }

  private comeBack(): void {
    this.stopTimer();
    this.tries += 1;
    const wait = backoffMs(this.tries);
    const setTimer = this.options.setTimer ?? ((callback: () => void, ms: number) => setTimeout(callback, ms));
    this.timer = setTimer(() => this.open(), wait);
    this.tell({ state: "waiting", tries: this.tries, retryAt: (this.options.now ?? Date.now)() + wait });
  }

  private drop(): void {
    const socket = this.socket;
    this.socket = null;
    socket?.close();
  }

  private stopTimer(): void {
    if (this.timer === null) return;
    const clear = this.options.clearTimer ?? ((timer: never) => clearTimeout(timer));
    clear(this.timer as never);
    this.timer = null;
  }

  private tell(connection: Connection): void {
    this.connection = connection;
    this.options.onConnection(connection);
  }
}
