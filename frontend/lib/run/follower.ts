// Follows one run from the first look to its end: loads the snapshot and the stored events, then listens, and asks for a
// fresh snapshot when something happened that only a snapshot tells in full (attempts, money). Framework-free.
import { ApiError, isNotFound, isTransient, NetworkError } from "../api/errors";
import type { Execution, LiveEvent, Page, StoredEvent } from "../api/types";
import { type Connection, LiveSocket, type SocketLike } from "../live/socket";
import { isTerminal } from "../status";
import { applyDelta, applyEvents, applySnapshot, isStored, markGap } from "./reducer";
import { emptyRun, type RunState } from "./state";

export interface FollowState {
  phase: "loading" | "ready" | "failed";
  /** Why there is nothing to show, or why the latest refresh failed. */
  error: unknown;
  connection: Connection;
  /** When something was last heard, in the clock of this machine. */
  heardAt: number | null;
  run: RunState;
}

export interface FollowerOptions {
  fetchExecution: (signal: AbortSignal) => Promise<Execution>;
  fetchEvents: (after: number, signal: AbortSignal) => Promise<Page<StoredEvent>>;
  connect: (after: number) => SocketLike;
  now?: () => number;
  /** Runs a callback soon, with whatever else happens until then in one go (an animation frame). */
  soon?: (callback: () => void) => void;
  /** The shortest time between two snapshots. */
  refreshMs?: number;
}

const RETRY_LOAD_MS = 3_000;

export class Follower {
  private state: FollowState = {
    phase: "loading",
    error: null,
    connection: { state: "idle" },
    heardAt: null,
    run: emptyRun(),
  };
  private readonly listeners = new Set<() => void>();
  private readonly socket: LiveSocket;
  private readonly pending: LiveEvent[] = [];
  private pendingSeq = 0;
  private flushPlanned = false;
  private stopped = new AbortController();
  private refreshTimer: ReturnType<typeof setTimeout> | null = null;
  private refreshedAt = 0;
  private refreshing = false;
  private refreshAgain = false;
  private wasOpen = false;

  constructor(private readonly options: FollowerOptions) {
    this.socket = new LiveSocket({
      connect: options.connect,
      lastSeq: () => Math.max(this.state.run.lastSeq, this.pendingSeq),
      onEvent: (event) => this.receive(event),
      onConnection: (connection) => this.connectionChanged(connection),
    });
  }

  get = (): FollowState => this.state;

  subscribe = (listener: () => void): (() => void) => {
    this.listeners.add(listener);
    return () => this.listeners.delete(listener);
  };

  start(): void {
    this.stopped = new AbortController();
    void this.load();
  }

  stop(): void {
    this.stopped.abort();
    if (this.refreshTimer !== null) clearTimeout(this.refreshTimer);
    this.refreshTimer = null;
    this.refreshing = false;
    this.refreshAgain = false;
    this.pending.length = 0;
    this.pendingSeq = 0;
    this.wasOpen = false;
    this.socket.close();
  }

  /** Something outside suggests to look again at once: a resume, the tab shown again, the network back, a key. */
  wake(): void {
    if (this.state.phase !== "ready") {
      void this.load();
      return;
    }
    this.socket.hurry();
    this.refreshedAt = 0;
    this.refreshSoon();
  }

  /** The run was just resumed: listens at once, so that nothing that is said now is missed. */
  resumed(): void {
    this.socket.open();
    this.wake();
  }

  /** Asks for a fresh snapshot when the last one is old enough. */
  poll(): void {
    if (this.state.phase === "ready") this.refreshSoon();
  }

  private async load(): Promise<void> {
    const { signal } = this.stopped;
    try {
      const [execution, events] = await Promise.all([
        this.options.fetchExecution(signal),
        // without the stored events the socket brings them all
        this.options.fetchEvents(0, signal).catch((): Page<StoredEvent> => ({ items: [] })),
      ]);
      if (signal.aborted) return;
      let run = applyEvents(this.state.run, contiguous(events.items, this.state.run.lastSeq));
      run = markGap(applySnapshot(run, execution, run.lastSeq));
      this.refreshedAt = this.now();
      this.update({ phase: "ready", error: null, run, heardAt: this.now() });
      this.follow(execution);
    } catch (error) {
      if (signal.aborted) return;
      this.update({ phase: "failed", error });
      if (isNotFound(error) || (error instanceof ApiError && error.status === 401)) return;
      setTimeout(() => {
        if (!signal.aborted && this.state.phase === "failed") void this.load();
      }, RETRY_LOAD_MS);
    }
  }

  /** Listens whenever the run goes on, or whenever its end has not been heard. */
  private follow(execution: Execution): void {
    const last = this.state.run.events.at(-1);
    if (isTerminal(execution.status) && last?.type === "execution_completed") return;
    this.socket.open();
  }

  private receive(event: LiveEvent): void {
    this.pending.push(event);
    if (isStored(event)) this.pendingSeq = event.seq;
    if (this.flushPlanned) return;
    this.flushPlanned = true;
    (this.options.soon ?? ((callback) => setTimeout(callback, 0)))(() => this.flush());
  }

  private flush(): void {
    this.flushPlanned = false;
    const batch = this.pending.splice(0);
    if (batch.length === 0 || this.stopped.signal.aborted) return;
    let run = this.state.run;
    let stored: StoredEvent[] = [];
    for (const event of batch) {
      if (isStored(event)) {
        stored.push(event);
      } else if (event.type === "agent_output_delta" && event.agent_id !== null) {
        run = applyEvents(run, stored);
        stored = [];
        run = applyDelta(run, event.agent_id, event.data);
      }
    }
    run = applyEvents(run, stored);
    const news = run.lastSeq > this.state.run.lastSeq;
    this.update({ run, heardAt: this.now() });
    if (news) this.refreshSoon();
  }

  private connectionChanged(connection: Connection): void {
    if (connection.state === "open") {
      if (this.wasOpen) {
        this.update({ run: markGap(this.state.run) });
        this.refreshSoon();
      }
      this.wasOpen = true;
    }
    this.update({ connection });
    if (connection.state === "waiting") this.refreshSoon();
    if (connection.state === "ended") {
      if (connection.reason === "finished") this.refreshSoon();
      else this.update({ error: new ApiError(404, { message: "The server does not know this execution." }) });
    }
  }

  private refreshSoon(): void {
    if (this.refreshing) {
      this.refreshAgain = true;
      return;
    }
    if (this.refreshTimer !== null) return;
    const wait = Math.max(0, this.refreshedAt + (this.options.refreshMs ?? 1_000) - this.now());
    this.refreshTimer = setTimeout(() => {
      this.refreshTimer = null;
      void this.refresh();
    }, wait);
  }

  private async refresh(): Promise<void> {
    const { signal } = this.stopped;
    if (signal.aborted) return;
    this.refreshing = true;
    this.refreshedAt = this.now();
    const asOf = this.state.run.lastSeq;
    try {
      const execution = await this.options.fetchExecution(signal);
      if (signal.aborted) return;
      this.update({ run: applySnapshot(this.state.run, execution, asOf), error: null });
      if (!isTerminal(execution.status)) {
        if (this.socket.state === "ended") this.socket.again();
        else if (this.socket.state === "idle") this.socket.open();
      }
    } catch (error) {
      if (signal.aborted) return;
      this.update({ error });
      if (error instanceof NetworkError) {
        this.socket.restart();
      } else if (isTransient(error)) {
        this.refreshedAt = this.now() + RETRY_LOAD_MS;
        this.refreshAgain = true;
      }
    } finally {
      if (!signal.aborted) {
        this.refreshing = false;
        if (this.refreshAgain) {
          this.refreshAgain = false;
          this.refreshSoon();
        }
      }
    }
  }

  private now(): number {
    return (this.options.now ?? Date.now)();
  }

  private update(change: Partial<FollowState>): void {
    this.state = { ...this.state, ...change };
    for (const listener of [...this.listeners]) listener();
  }
}

/** The events that continue the sequence; a list with a hole is only good up to the hole. */
function contiguous(events: readonly StoredEvent[], after: number): StoredEvent[] {
  const good: StoredEvent[] = [];
  let next = after + 1;
  for (const event of events) {
    if (event.seq < next) continue;
    if (event.seq > next) break;
    good.push(event);
    next += 1;
  }
  return good;
}
