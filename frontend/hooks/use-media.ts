// Whether a media query holds. Only for pages that are rendered in the browser alone.
import { useSyncExternalStore } from "react";

export function useMedia(query: string): boolean {
  return useSyncExternalStore(
    (listener) => {
      const list = window.matchMedia(query);
      list.addEventListener("change", listener);
      return () => list.removeEventListener("change", listener);
    },
    () => window.matchMedia(query).matches,
    () => false,
  );
}

/** Wide enough to edit; below, the canvas is for reading. */
export const WIDE = "(min-width: 900px)";
