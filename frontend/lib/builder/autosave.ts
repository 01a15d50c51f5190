// Saves drafts by themselves: a moment after the last change, one request at a time, always the latest document, and only
// onto the version it was made from. Somebody else's version in between is a conflict, which a person resolves.
// Framework-free. Not here: what is shown about it.
import { ApiError, isTransient } from "../api/errors";
import type { Workflow, WorkflowDocument } from "../api/types";
import { documentOf } from "../documents";
import { backoffMs } from "../live/socket";
import { observable } from "../observable";
import { sameJson } from "./json";

export type SaveState =
  | { phase: "unsaved" }
  | { phase: "saved"; at: number }
  | { phase: "waiting" }
  | { phase: "saving" }
  | { phase: "offline"; tries: number; error: unknown }
  | { phase: "conflict"; theirs: Workflow | null }
  | { phase: "refused"; error: unknown };

export interface AutosaveOptions {
  create: (document: WorkflowDocument) => Promise<Workflow>;
  update: (id: string, version: number, document: WorkflowDocument) => Promise<Workflow>;
  fetch: (id: string) => Promise<Workflow>;
  /** The document as it is now. */
  current: () => WorkflowDocument;
  onSaved: (workflow: Workflow, created: boolean) => void;
  delayMs?: number;
  now?: () => number;
}

export interface Base {
  id: string;
  version: number;
  document: WorkflowDocument;
}

export class Autosave {
  readonly state = observable<SaveState>({ phase: "unsaved" });
  private base: Base | null;
  private timer: ReturnType<typeof setTimeout> | null = null;
  private running: Promise<void> | null = null;
  private sent: WorkflowDocument | null = null;
  private tries = 0;
  private stopped = false;

  constructor(
    private readonly options: AutosaveOptions,
    workflow: Workflow | null,
  ) {
    this.base = workflow === null ? null : baseOf(workflow);
    if (workflow !== null) this.state.set({ phase: "saved", at: Date.parse(workflow.updated_at) });
  }

  get id(): string | null {
    return this.base?.id ?? null;
  }

  get version(): number | null {
    return this.base?.version ?? null;
  }

  /** Whether there is something that the server does not have. */
  get dirty(): boolean {
    const phase = this.state.get().phase;
    return phase !== "saved" && phase !== "unsaved";
  }

  /** The document has changed: it is saved in a moment. */
  changed(): void {
    const { phase } = this.state.get();
    if (this.stopped || phase === "conflict") return;
    if (this.running === null) this.state.set({ phase: "waiting" });
    this.plan(this.options.delayMs ?? 900);
  }

  /** Saves now, if there is something to save; rejects if that is not possible. */
  async flush(): Promise<Workflow | null> {
    this.unplan();
    for (let rounds = 0; rounds < 5 && this.pending(); rounds += 1) {
      await this.save();
      if (this.state.get().phase === "offline") break;
    }
    const state = this.state.get();
    if (state.phase === "offline" || state.phase === "refused") throw state.error;
    if (state.phase === "conflict") throw new Error("Somebody else saved this workflow; decide which version to keep.");
    return null;
  }

  /** Saves mine over theirs. */
  async keepMine(): Promise<void> {
    const { theirs } = this.conflict();
    if (theirs !== null && this.base !== null) this.base = { ...this.base, version: theirs.version };
    this.state.set({ phase: "waiting" });
    await this.save();
  }

  /** Theirs is taken; the editor has it already. */
  tookTheirs(): void {
    const { theirs } = this.conflict();
    if (theirs === null) return;
    this.unplan();
    this.base = baseOf(theirs);
    this.state.set({ phase: "saved", at: Date.parse(theirs.updated_at) });
  }

  /** Mine becomes a workflow of its own. */
  async saveCopy(document: WorkflowDocument): Promise<Workflow> {
    const workflow = await this.options.create(document);
    this.unplan();
    this.base = baseOf(workflow);
    this.state.set({ phase: "saved", at: this.now() });
    return workflow;
  }

  stop(): void {
    this.stopped = true;
    this.unplan();
  }

  start(): void {
    this.stopped = false;
    if (this.pending()) this.plan(0);
  }

  private conflict(): { theirs: Workflow | null } {
    const state = this.state.get();
    return state.phase === "conflict" ? state : { theirs: null };
  }

  private pending(): boolean {
    const { phase } = this.state.get();
    return phase === "waiting" || phase === "saving" || phase === "offline";
  }

  private plan(ms: number): void {
    this.unplan();
    this.timer = setTimeout(() => {
      this.timer = null;
      void this.save();
    }, ms);
  }

  private unplan(): void {
    if (this.timer !== null) clearTimeout(this.timer);
    this.timer = null;
  }

  private save(): Promise<void> {
    this.unplan();
    this.running ??= this.once().finally(() => {
      this.running = null;
    });
    return this.running;
  }

  private async once(): Promise<void> {
    const document = this.options.current();
    if (this.base !== null && sameJson(this.base.document, document)) {
      this.state.set({ phase: "saved", at: this.now() });
      return;
    }
    const { base } = this;
    this.state.set({ phase: "saving" });
    const before = this.sent;
    this.sent = document;
    try {
      const workflow = await (base === null
        ? this.options.create(document)
        : this.options.update(base.id, base.version, document));
      this.tries = 0;
      this.base = { id: workflow.id, version: workflow.version, document };
      const later = this.options.current() !== document;
      this.state.set(later ? { phase: "waiting" } : { phase: "saved", at: this.now() });
      this.options.onSaved(workflow, base === null);
      if (later && !this.stopped) this.plan(this.options.delayMs ?? 900);
    } catch (error) {
      await this.failed(error, before);
    }
  }

  private async failed(error: unknown, before: WorkflowDocument | null): Promise<void> {
    if (error instanceof ApiError && error.status === 412 && this.base !== null) {
      const theirs = await this.options.fetch(this.base.id).catch(() => null);
      if (theirs !== null) {
        const there = documentOf(theirs);
        // our own save, whose answer was lost: no conflict
        if ([before, this.sent].some((mine) => mine !== null && sameJson(mine, there))) {
          this.base = baseOf(theirs);
          this.state.set({ phase: "waiting" });
          this.plan(0);
          return;
        }
      }
      this.state.set({ phase: "conflict", theirs });
      return;
    }
    if (isTransient(error) || (error instanceof ApiError && error.status === 401)) {
      this.tries += 1;
      this.state.set({ phase: "offline", tries: this.tries, error });
      if (!this.stopped) this.plan(backoffMs(this.tries));
      return;
    }
    this.state.set({ phase: "refused", error });
  }

  private now(): number {
    return (this.options.now ?? Date.now)();
  }
}

function baseOf(workflow: Workflow): Base {
  return { id: workflow.id, version: workflow.version, document: documentOf(workflow) };
}
