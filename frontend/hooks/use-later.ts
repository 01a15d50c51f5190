// What a page can do without at first: true once the browser has nothing better to do.
import { useEffect, useState } from "react";

/** Calls back when the page is at rest, at the latest after a second. */
export function whenIdle(callback: () => void): () => void {
  if (typeof requestIdleCallback === "function") {
    const handle = requestIdleCallback(callback, { timeout: 1_000 });
    return () => cancelIdleCallback(handle);
  }
  const timer = setTimeout(callback, 300);
  return () => clearTimeout(timer);
}

export function useLater(): boolean {
  const [later, setLater] = useState(false);
  useEffect(() => {
    // first the page is drawn, then it is at rest
    let stop = () => {};
    const frame = requestAnimationFrame(() => {
      stop = whenIdle(() => {
        // the moment up to which scripts count as the page's first load (e2e/bundle.e2e.ts)
        performance.mark("nexus-later");
        setLater(true);
      });
    });
    return () => {
      cancelAnimationFrame(frame);
      stop();
    };
  }, []);
  return later;
}
