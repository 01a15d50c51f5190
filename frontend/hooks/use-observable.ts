// React's view of the small stores in lib/.
import { useSyncExternalStore } from "react";
import type { Observable } from "@/lib/observable";

export function useObservable<T>(source: Observable<T>): T {
  return useSyncExternalStore(source.subscribe, source.get, source.get);
}
