// The versions of a scraper's code, newest first: those that its attempts brought along, and the one in use, which is always
// there.
import type { Job } from "../api/scraper-types";
import { readAttempts } from "./read";

export interface Version {
  number: number;
  code: string;
  madeBy: string | null;
  at: string | null;
}

export function versionsOf(job: Pick<Job, "scraper_code" | "code_version" | "attempts">): Version[] {
  const found = new Map<number, Version>();
  for (const { version, code, ok, source, at } of readAttempts(job.attempts)) {
    if (version !== null && code !== null && ok !== false)
      found.set(version, { number: version, code, madeBy: source, at });
  }
  if (job.scraper_code !== null) {
    const number = job.code_version ?? 1;
    // a repair makes versions of which no attempt tells
    const known = found.get(number) ?? { madeBy: number > 1 && found.size > 0 ? "repair" : null, at: null };
    found.set(number, { ...known, number, code: job.scraper_code });
  }
  return [...found.values()].sort((a, b) => b.number - a.number);
}
