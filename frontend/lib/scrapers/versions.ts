// The versions of a scraper's code, newest first: those that the server keeps, those that its attempts brought along, and
// the one in use, which is always there.
import type { CodeVersion, Job } from "../api/scraper-types";
import { readAttempts } from "./read";

export interface Version {
  number: number;
  code: string;
  madeBy: string | null;
  at: string | null;
}

export function versionsOf(
  job: Pick<Job, "scraper_code" | "code_version" | "attempts">,
  kept: readonly CodeVersion[],
): Version[] {
  const found = new Map<number, Version>();
  for (const attempt of readAttempts(job.attempts)) {
    if (attempt.version === null || attempt.code === null || attempt.ok === false) continue;
    found.set(attempt.version, {
      number: attempt.version,
      code: attempt.code,
      madeBy: attempt.source,
      at: attempt.at,
    });
  }
  for (const version of kept) {
    if (typeof version.version !== "number" || typeof version.code !== "string") continue;
    found.set(version.version, {
      number: version.version,
      code: version.code,
      madeBy: version.made_by ?? null,
      at: version.created_at ?? null,
    });
  }
  if (job.scraper_code !== null) {
    const number = job.code_version ?? 1;
    const known = found.get(number);
    found.set(number, { number, madeBy: known?.madeBy ?? null, at: known?.at ?? null, code: job.scraper_code });
  }
  return [...found.values()].sort((a, b) => b.number - a.number);
}
