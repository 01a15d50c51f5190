// Choosing one of the scrapers that are ready: what it reads, and the way to it or to a new one.
"use client";
import { ChevronsUpDown, ExternalLink, ScanText } from "lucide-react";
import { useCallback, useState } from "react";
import { cx } from "@/components/ui/cx";
import { CONTROL } from "@/components/ui/field";
import { Picker, type PickItem } from "@/components/ui/picker";
import { shorten } from "@/components/ui/shorten";
import { useScraper, useScrapers } from "@/hooks/scrapers";
import { isNotFound } from "@/lib/api/errors";
import { shortId } from "@/lib/format/text";
import { routes } from "@/lib/routes";
import { matches } from "@/lib/scrapers/search";
import { hostOf } from "@/lib/scrapers/states";
import type { ControlProps } from "./field-control";

const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/i;
const MOST = 100;

function ScraperPicker({ onPick, onClose }: { onPick: (id: string) => void; onClose: () => void }) {
  const { data, isPending, isError } = useScrapers("", MOST, "ready");
  const items = useCallback(
    (text: string): PickItem[] => {
      const jobs = (data?.pages.flatMap((page) => page.items) ?? []).filter((job) => job.api_endpoint !== null);
      const found = jobs
        .filter((job) => matches(job, text))
        .map(
          (job): PickItem => ({
            key: job.id,
            label: shorten(job.description, 120),
            detail: shorten(job.url, 160),
            hint: shortId(job.id),
            icon: <ScanText aria-hidden size={15} className="shrink-0 text-mute" />,
          }),
        );
      const typed = text.trim();
      if (UUID.test(typed) && found.length === 0) {
        found.push({ key: typed, label: typed, detail: "a scraper that is not in this list" });
      }
      return found;
    },
    [data],
  );
  const empty = isPending
    ? "Loading…"
    : isError
      ? "The scrapers could not be loaded."
      : "No scraper that is ready fits. Make one under Scrapers.";
  return (
    <Picker
      title="Scraper"
      placeholder="Search by description or address"
      items={items}
      onPick={onPick}
      onClose={onClose}
      empty={empty}
    />
  );
}

export function ScraperField({ value, set, a11y }: ControlProps) {
  const [open, setOpen] = useState(false);
  const id = typeof value === "string" ? value : "";
  const { data: job, error } = useScraper(id, UUID.test(id));
  return (
    <>
      <button
        type="button"
        {...a11y}
        aria-labelledby={`${a11y.id}-label ${a11y.id}`}
        aria-haspopup="dialog"
        onClick={() => setOpen(true)}
        className={cx(CONTROL, "flex min-h-9 items-center gap-2 px-2.5 text-left")}
      >
        <span className={cx("min-w-0 flex-1 truncate", job ? "" : "font-mono text-xs")}>
          <bdi>{job ? shorten(job.description, 120) : id === "" ? "Choose a scraper" : id.slice(0, 100)}</bdi>
        </span>
        <ChevronsUpDown aria-hidden size={14} className="shrink-0 text-mute" />
      </button>
      {job && (
        <p className="flex flex-wrap items-center gap-x-2 text-xs text-mute">
          <bdi className="min-w-0 truncate">{hostOf(job.url).slice(0, 80)}</bdi>
          {job.api_endpoint === null && (
            <span className="text-amber-900 dark:text-amber-300">not ready: {job.status}</span>
          )}
        </p>
      )}
      {id !== "" && isNotFound(error) && (
        <p className="text-xs text-danger">There is no such scraper (any more). Choose another one.</p>
      )}
      <a
        href={id === "" || isNotFound(error) ? routes.newScraper() : routes.scraper(id)}
        target="_blank"
        rel="noreferrer"
        className="inline-flex items-center gap-1 text-xs text-accent underline-offset-2 hover:underline"
      >
        {id === "" || isNotFound(error) ? "Make a new scraper" : "Open the scraper"}
        <ExternalLink aria-hidden size={11} />
        <span className="sr-only">in a new tab</span>
      </a>
      {open && (
        <ScraperPicker
          onClose={() => setOpen(false)}
          onPick={(picked) => {
            set(picked);
            setOpen(false);
          }}
        />
      )}
    </>
  );
}
