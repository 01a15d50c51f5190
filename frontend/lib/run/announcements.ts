// What a screen reader is told about a run: the latest change of state, at most one message every two seconds.

export interface Announcements {
  say(text: string): void;
  stop(): void;
}

export function announcements(
  tell: (text: string) => void,
  gapMs = 2_000,
  now: () => number = Date.now,
): Announcements {
  let waiting: string | null = null;
  let timer: ReturnType<typeof setTimeout> | null = null;
  let toldAt = Number.NEGATIVE_INFINITY;

  function flush(): void {
    timer = null;
    if (waiting === null) return;
    toldAt = now();
    tell(waiting);
    waiting = null;
  }

  return {
    say(text) {
      waiting = text;
      if (timer !== null) return;
      const wait = toldAt + gapMs - now();
      if (wait <= 0) flush();
      else timer = setTimeout(flush, wait);
    },
    stop() {
      if (timer !== null) clearTimeout(timer);
      timer = null;
      waiting = null;
    },
  };
}
