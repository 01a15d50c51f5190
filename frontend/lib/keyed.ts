// A store of many small things by key, with listeners per key: one of five hundred nodes can change without the others
// being asked. Whoever fills it hands over the whole map; only what is another object than before is told. When very many
// change at once, they are told over some frames, so that no single one takes long.

export interface Keyed<T> {
  get(key: string): T | undefined;
  subscribe(key: string, listener: () => void): () => void;
}

/** How many keys are told within one frame. */
const AT_ONCE = 60;

export class KeyedStore<T> implements Keyed<T> {
  private values: ReadonlyMap<string, T> = new Map();
  private readonly listeners = new Map<string, Set<() => void>>();
  private readonly waiting = new Set<string>();
  private planned = false;

  constructor(
    private readonly soon: (callback: () => void) => void = (callback) => {
      if (typeof requestAnimationFrame === "function") requestAnimationFrame(() => callback());
      else setTimeout(callback, 16);
    },
  ) {}

  get(key: string): T | undefined {
    return this.values.get(key);
  }

  subscribe(key: string, listener: () => void): () => void {
    const set = this.listeners.get(key) ?? new Set();
    set.add(listener);
    this.listeners.set(key, set);
    return () => {
      set.delete(listener);
      if (set.size === 0) this.listeners.delete(key);
    };
  }

  fill(next: ReadonlyMap<string, T>): void {
    const before = this.values;
    if (before === next) return;
    this.values = next;
    for (const key of this.listeners.keys()) if (before.get(key) !== next.get(key)) this.waiting.add(key);
    if (!this.planned) this.tell();
  }

  private tell(): void {
    let left = AT_ONCE;
    for (const key of this.waiting) {
      if (left === 0) break;
      left -= 1;
      this.waiting.delete(key);
      for (const listener of [...(this.listeners.get(key) ?? [])]) listener();
    }
    this.planned = this.waiting.size > 0;
    if (this.planned) this.soon(() => this.tell());
  }
}
