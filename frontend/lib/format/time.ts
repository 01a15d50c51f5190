// Durations and moments for people. Not here: clocks; the present is always an argument.

/** `0 ms`, `840 ms`, `3.2 s`, `42 s`, `2 m 05 s`, `3 h 07 m`, `2 d 04 h`. */
export function formatDuration(ms: number | null | undefined): string {
  if (ms === null || ms === undefined || !Number.isFinite(ms)) return "–";
  const value = Math.max(0, ms);
  if (value < 1000) return `${Math.round(value)} ms`;
  if (value < 9950) return `${(value / 1000).toFixed(1)} s`;
  const seconds = Math.round(value / 1000);
  if (seconds < 60) return `${seconds} s`;
  const minutes = Math.floor(seconds / 60);
  if (minutes < 60) return `${minutes} m ${two(seconds % 60)} s`;
  const hours = Math.floor(minutes / 60);
  if (hours < 24) return `${hours} h ${two(minutes % 60)} m`;
  return `${Math.floor(hours / 24)} d ${two(hours % 24)} h`;
}

const two = (value: number) => String(value).padStart(2, "0");

/** Milliseconds between two moments, up to `now` while the second is open; null before the first. */
export function elapsedMs(
  start: string | null | undefined,
  end: string | null | undefined,
  now: number,
): number | null {
  if (!start) return null;
  const from = Date.parse(start);
  const to = end ? Date.parse(end) : now;
  return Number.isFinite(from) && Number.isFinite(to) ? Math.max(0, to - from) : null;
}

/** `just now`, `12 s ago`, `5 m ago`, `3 h ago`, `2 d ago`, then the date. */
export function formatAgo(moment: string | number | null | undefined, now: number, fresh = 5): string {
  if (moment === null || moment === undefined) return "–";
  const at = typeof moment === "number" ? moment : Date.parse(moment);
  if (!Number.isFinite(at)) return "–";
  const seconds = Math.floor((now - at) / 1000);
  if (seconds < fresh) return "just now";
  if (seconds < 60) return `${seconds} s ago`;
  if (seconds < 3600) return `${Math.floor(seconds / 60)} m ago`;
  if (seconds < 86_400) return `${Math.floor(seconds / 3600)} h ago`;
  if (seconds < 7 * 86_400) return `${Math.floor(seconds / 86_400)} d ago`;
  return localDate(at);
}

/** `2026-03-01` in the reader's time zone. */
export function localDate(at: number): string {
  const date = new Date(at);
  return `${date.getFullYear()}-${two(date.getMonth() + 1)}-${two(date.getDate())}`;
}

/** `2026-03-01 14:05:09` in the reader's time zone. */
export function formatMoment(moment: string | null | undefined): string {
  if (!moment) return "–";
  const at = Date.parse(moment);
  if (!Number.isFinite(at)) return "–";
  return `${localDate(at)} ${formatClock(moment)}`;
}

/** `14:05:09` in the reader's time zone. */
export function formatClock(moment: string): string {
  const date = new Date(Date.parse(moment));
  if (Number.isNaN(date.getTime())) return "–";
  return `${two(date.getHours())}:${two(date.getMinutes())}:${two(date.getSeconds())}`;
}

export function startOfToday(now: number): number {
  const date = new Date(now);
  date.setHours(0, 0, 0, 0);
  return date.getTime();
}
