// Finding a scraper by typing: every word must stand in its address, description or id.
import type { Job } from "../api/scraper-types";

export function matches(job: Pick<Job, "id" | "url" | "description">, text: string): boolean {
  const hay = `${job.description} ${job.url} ${job.id}`.toLowerCase();
  return text
    .toLowerCase()
    .split(/\s+/)
    .every((word) => hay.includes(word));
}
