// Scraper jobs for preparing a test.
import type { Nexus } from "./nexus";

interface JobView {
  id: string;
  status: string;
  error: unknown;
}

export async function make(nexus: Nexus, url: string, description: string): Promise<string> {
  return (await nexus.api<JobView>("POST", "/scraping/requests", { url, description })).id;
}

const ENDS_MS = 60_000;

/** Asks until the job has ended; another end than the one expected is a failure. */
export async function becomes(nexus: Nexus, id: string, status: "ready" | "failed"): Promise<void> {
  const deadline = Date.now() + ENDS_MS;
  for (;;) {
    const job = await nexus.api<JobView>("GET", `/scraping/jobs/${id}/status`);
    if (job.status === status) return;
    if (job.status === "ready" || job.status === "failed" || Date.now() > deadline) {
      throw new Error(`the job is ${job.status}, not ${status}: ${JSON.stringify(job.error)}`);
    }
    await new Promise((next) => setTimeout(next, 100));
  }
}
