// Deleting a scraper: asks first, and says what goes with it.
"use client";
import { useQueryClient } from "@tanstack/react-query";
import { Confirm } from "@/components/ui/confirm";
import { shorten } from "@/components/ui/shorten";
import { scraperKeys } from "@/hooks/scrapers";
import { isNotFound } from "@/lib/api/errors";
import type { Job } from "@/lib/api/scraper-types";
import { scrapers } from "@/lib/api/scrapers";
import { isSettled } from "@/lib/scrapers/states";
import { toast } from "@/lib/toasts";

export interface DeleteScraperProps {
  job: Job;
  open: boolean;
  onOpenChange: (open: boolean) => void;
  onDeleted: () => void;
}

export function DeleteScraper({ job, open, onOpenChange, onDeleted }: DeleteScraperProps) {
  const client = useQueryClient();
  const name = shorten(job.description, 60);
  async function remove() {
    try {
      await scrapers.delete(job.id);
    } catch (error) {
      // somebody else was faster
      if (!isNotFound(error)) throw error;
    }
    await client.invalidateQueries({ queryKey: scraperKeys.all });
    toast(`Deleted “${name}”.`);
    onDeleted();
  }
  return (
    <Confirm
      open={open}
      onOpenChange={onOpenChange}
      title={`Delete “${name}”?`}
      text={
        isSettled(job.status)
          ? "The scraper, its versions and its endpoint are deleted. Workflows and programs that use the endpoint will fail."
          : "It is still being made; that is stopped, and what there is so far is deleted."
      }
      action="Delete"
      onConfirm={remove}
    />
  );
}
