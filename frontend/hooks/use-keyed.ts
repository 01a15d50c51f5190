// React's view of one entry of a keyed store.
import { useCallback, useSyncExternalStore } from "react";
import type { Keyed } from "@/lib/keyed";

export function useKeyed<T>(store: Keyed<T>, key: string): T | undefined {
  const subscribe = useCallback((listener: () => void) => store.subscribe(key, listener), [store, key]);
  const get = () => store.get(key);
  return useSyncExternalStore(subscribe, get, get);
}
