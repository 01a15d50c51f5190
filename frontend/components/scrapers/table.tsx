// Scrapers as a table: what each one reads, where its job stands, how its endpoint is doing. Narrow screens fold the small
// print under the name.
"use client";
import { Copy, CopyPlus, Trash2 } from "lucide-react";
import Link from "next/link";
import { useRouter } from "next/navigation";
import { useState } from "react";
import { cx } from "@/components/ui/cx";
import { MenuItem, MenuSeparator, RowMenu } from "@/components/ui/menu";
import { Shorten, shorten } from "@/components/ui/shorten";
import { useHealth } from "@/hooks/scrapers";
import { useNow } from "@/hooks/use-now";
import type { Health, Job } from "@/lib/api/scraper-types";
import { formatAgo, formatMoment } from "@/lib/format/time";
import { routes } from "@/lib/routes";
import { hostOf } from "@/lib/scrapers/states";
import { toast } from "@/lib/toasts";
import { HealthBadge, JobBadge } from "./badges";
import { DeleteScraper } from "./delete";

export function ScraperTable({ items, label, compact }: { items: Job[]; label: string; compact: boolean }) {
  const head = "py-2 font-medium whitespace-nowrap";
  return (
    <table className="w-full text-left">
      <caption className="sr-only">{label}</caption>
      <thead className="text-xs text-mute">
        <tr className="border-b">
          <th scope="col" className={cx(head, "hidden pr-3 pl-4 sm:table-cell")}>
            Status
          </th>
          <th scope="col" className={cx(head, "px-4 sm:px-3")}>
            Scraper
          </th>
          <th scope="col" className={cx(head, "hidden px-3 md:table-cell")}>
            Endpoint
          </th>
          <th scope="col" className={cx(head, "hidden px-3 md:table-cell")}>
            Last run
          </th>
          <th scope="col" className={cx(head, "px-3 text-right", compact ? "hidden" : "hidden lg:table-cell")}>
            Records
          </th>
          <th scope="col" className="w-12 py-2 pr-3">
            <span className="sr-only">Actions</span>
          </th>
        </tr>
      </thead>
      <tbody className="divide-y">
        {items.map((job) => (
          <Row key={job.id} job={job} compact={compact} />
        ))}
      </tbody>
    </table>
  );
}

function Row({ job, compact }: { job: Job; compact: boolean }) {
  const now = useNow();
  const health = useHealth(job.id, job.api_endpoint !== null).data ?? null;
  const latest = health?.runs[0];
  const cell = "nums py-2 align-top leading-6 whitespace-nowrap";
  return (
    <tr className="relative transition-colors hover:bg-sunken">
      <td className="hidden py-2 pr-3 pl-4 align-top sm:table-cell">
        <JobBadge status={job.status} />
      </td>
      <td className="w-full max-w-0 px-4 py-2 align-top sm:px-3">
        <Link
          href={routes.scraper(job.id)}
          prefetch={false}
          className="block truncate leading-6 font-medium after:absolute after:inset-0"
        >
          <Shorten text={job.description} most={160} />
        </Link>
        <span className="nums block truncate text-xs leading-4 text-mute">
          <Shorten text={hostOf(job.url)} most={80} />
          <span className="md:hidden"> · {formatAgo(job.created_at, now)}</span>
        </span>
        <span className="my-1 flex flex-wrap gap-1.5 sm:hidden">
          <JobBadge status={job.status} />
        </span>
        {job.status === "failed" && (
          <span className="block truncate text-xs text-danger">
            <Shorten text={job.error?.message ?? job.message} most={160} />
          </span>
        )}
      </td>
      <td className="hidden px-3 py-2 align-top md:table-cell">
        <EndpointCell job={job} health={health} />
      </td>
      <td className={cx(cell, "hidden px-3 text-ink-2 md:table-cell")}>
        {latest ? (
          <time dateTime={latest.at} title={formatMoment(latest.at)}>
            {formatAgo(latest.at, now)}
          </time>
        ) : (
          "–"
        )}
      </td>
      <td className={cx(cell, "px-3 text-right text-ink-2", compact ? "hidden" : "hidden lg:table-cell")}>
        {latest?.records?.toLocaleString("en-US") ?? "–"}
      </td>
      <td className="py-1.5 pr-3 text-right align-top">
        <Actions job={job} />
      </td>
    </tr>
  );
}

function EndpointCell({ job, health }: { job: Job; health: Health | null }) {
  if (job.api_endpoint === null) return <span className="text-xs leading-6 text-mute">none yet</span>;
  if (health === null) return <code className="font-mono text-xs leading-6 text-ink-2">…{job.id.slice(-8)}</code>;
  return <HealthBadge status={health.status} />;
}

function Actions({ job }: { job: Job }) {
  const router = useRouter();
  const [deleting, setDeleting] = useState(false);
  const endpoint = job.api_endpoint;
  async function copy(path: string) {
    try {
      await navigator.clipboard.writeText(`${window.location.origin}${path}`);
      toast("The endpoint's address is copied.");
    } catch {
      toast("The browser does not let pages copy here. Open the scraper; its address can be selected there.", "error");
    }
  }
  return (
    <>
      <RowMenu label={`More for ${shorten(job.description, 80)}`}>
        {endpoint !== null && (
          <MenuItem icon={<Copy aria-hidden size={14} />} onSelect={() => copy(endpoint)}>
            Copy the endpoint's address
          </MenuItem>
        )}
        <MenuItem icon={<CopyPlus aria-hidden size={14} />} onSelect={() => router.push(routes.newScraper(job.id))}>
          New one like this
        </MenuItem>
        <MenuSeparator />
        <MenuItem icon={<Trash2 aria-hidden size={14} />} danger onSelect={() => setDeleting(true)}>
          Delete…
        </MenuItem>
      </RowMenu>
      <DeleteScraper
        job={job}
        open={deleting}
        onOpenChange={setDeleting}
        // its row is gone, and with it the button that would get the focus back
        onDeleted={() => document.getElementById("main")?.focus()}
      />
    </>
  );
}
