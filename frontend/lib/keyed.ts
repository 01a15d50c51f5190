// A store of many small things by key, with listeners per key: one of five hundred nodes can change without the others
// being asked. Whoever fills it hands over the whole map; only what is another object than before is told.

export interface Keyed<T> {
  get(key: string): T | undefined;
  subscribe(key: string, listener: () => void): () => void;
}

export class KeyedStore<T> implements Keyed<T> {
  private values: ReadonlyMap<string, T> = new Map();
  private readonly listeners = new Map<string, Set<() => void>>();

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
    for (const [key, set] of this.listeners) {
      if (before.get(key) !== next.get(key)) for (const listener of [...set]) listener();
    }
  }
}
