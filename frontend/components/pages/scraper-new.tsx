// Asking for a scraper: an address and a sentence, checked while they are typed. `?from=<id>` begins with another one's.
"use client";
import Link from "next/link";
import { useSearchParams } from "next/navigation";
import { ScraperForm } from "@/components/scrapers/form";
import { Card, PageHead } from "@/components/ui/card";
import { SkeletonPage } from "@/components/ui/skeleton";
import { useScraper } from "@/hooks/scrapers";
import { routes } from "@/lib/routes";

export function NewScraperPage() {
  const from = useSearchParams().get("from") ?? "";
  const other = useScraper(from, from !== "");
  if (from !== "" && other.isPending) return <SkeletonPage />;
  return (
    <>
      <PageHead
        title="New scraper"
        above={
          <Link prefetch={false} href={routes.scrapers()} className="underline-offset-2 hover:underline">
            Scrapers
          </Link>
        }
      />
      <div className="grid grid-cols-1 items-start gap-4 lg:grid-cols-[minmax(0,1.6fr)_minmax(0,1fr)]">
        <ScraperForm key={other.data?.id ?? ""} like={other.data ?? null} />
        <Card title="What happens then">
          <ol className="list-decimal space-y-2 pl-5 text-ink-2">
            <li>
              The page is fetched as a visitor would see it, at most one request per second, keeping to robots.txt.
            </li>
            <li>Its lists, tables and hidden data are found, and matched with what you asked for.</li>
            <li>A Python scraper is written: readable, with requests and Beautiful Soup.</li>
            <li>It runs in a sandbox; its result is checked, and it is mended if something is wrong.</li>
            <li>Its endpoint answers with JSON or CSV, for as long as you keep it.</li>
          </ol>
          <p className="mt-3 text-xs text-mute">
            Pages that need a login, or that are empty until their scripts have run, cannot be read; the answer says so.
          </p>
        </Card>
      </div>
    </>
  );
}
