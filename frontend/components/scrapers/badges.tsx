// A scraper's states, drawn: where its job stands, how its endpoint is doing.
"use client";
import { LookBadge } from "@/components/ui/status";
import type { JobStatus } from "@/lib/api/scraper-types";
import { healthLook } from "@/lib/scrapers/health";
import { jobLook } from "@/lib/scrapers/states";

export function JobBadge({ status }: { status: JobStatus }) {
  return <LookBadge look={jobLook(status)} />;
}

export function HealthBadge({ status }: { status: string }) {
  return <LookBadge look={healthLook(status)} />;
}
