// A list of scrapers in all its states: loading, empty, nothing found, failed, out of date, full.
"use client";
import { ScanText, Search } from "lucide-react";
import { useEffect, useMemo } from "react";
import { Button, LinkButton } from "@/components/ui/button";
import { SkeletonRows } from "@/components/ui/skeleton";
import { EmptyState, ErrorNote, ErrorState } from "@/components/ui/states";
import { useScrapers } from "@/hooks/scrapers";
import { routes } from "@/lib/routes";
import { matches } from "@/lib/scrapers/search";
import { ScraperTable } from "./table";

/** A search looks at as many at once. */
const SEARCHED = 100;

export interface ScraperListProps {
  q: string;
  label: string;
  limit?: number;
  /** For the overview: fewer columns, no further pages. */
  compact?: boolean;
}

export function ScraperList({ q, label, limit, compact = false }: ScraperListProps) {
  const query = useScrapers(q, q === "" ? limit : SEARCHED);
  const loaded = useMemo(() => query.data?.pages.flatMap((page) => page.items) ?? [], [query.data]);
  const items = useMemo(() => loaded.filter((job) => matches(job, q)), [loaded, q]);
  // whatever the server searches itself: what it leaves in is filtered here, so pages without a hit are passed over
  const passing = q !== "" && items.length === 0 && query.hasNextPage && !query.isError;
  const { fetchNextPage, isFetchingNextPage } = query;
  useEffect(() => {
    if (passing && !isFetchingNextPage) void fetchNextPage();
  }, [passing, isFetchingNextPage, fetchNextPage]);

  if (query.isPending || passing) return <SkeletonRows rows={compact ? 2 : 5} />;
  if (query.isError && loaded.length === 0) return <ErrorState error={query.error} onRetry={() => query.refetch()} />;
  if (items.length === 0) return q === "" ? <NoScrapers compact={compact} /> : <NothingFound q={q} />;
  return (
    <>
      {query.isError && (
        <div className="p-3">
          <ErrorNote error={query.error} onRetry={() => query.refetch()} />
        </div>
      )}
      <div aria-busy={query.isPlaceholderData}>
        <ScraperTable items={items} label={label} compact={compact} />
      </div>
      {!compact && query.hasNextPage && (
        <div className="border-t p-3 text-center">
          <Button size="sm" disabled={isFetchingNextPage} onClick={() => fetchNextPage()}>
            {isFetchingNextPage ? "Loading…" : "Show older scrapers"}
          </Button>
        </div>
      )}
    </>
  );
}

function NothingFound({ q }: { q: string }) {
  return (
    <EmptyState icon={<Search aria-hidden size={18} />} title={`Nothing matches “${q}”`}>
      The search looks at addresses and descriptions.
    </EmptyState>
  );
}

function NoScrapers({ compact }: { compact: boolean }) {
  return (
    <EmptyState icon={<ScanText aria-hidden size={18} />} title="No scrapers yet">
      <p>
        Give an address and say what you want from it, such as “title, price and rating of every book”. Nexus studies
        the page, writes a Python scraper, tests it in a sandbox, and answers with the data at an address of your own.
      </p>
      {!compact && <Example />}
      <p className="mt-4">
        <LinkButton href={routes.newScraper()} variant={compact ? "secondary" : "primary"} size={compact ? "sm" : "md"}>
          Make a scraper
        </LinkButton>
      </p>
    </EmptyState>
  );
}

const EXAMPLE = `GET /api/v1/generated/…?limit=2

{
  "source_url": "https://example.com/books",
  "data": [
    {"title": "Tides", "price": "£12.50", "rating": "Four"},
    {"title": "Moss", "price": "£8.00", "rating": "Five"}
  ]
}`;

function Example() {
  return (
    <figure className="mt-4 text-left">
      <figcaption className="mb-1 text-xs">What comes of it, for example:</figcaption>
      <pre className="overflow-x-auto rounded-md border bg-sunken px-3 py-2.5 font-mono text-xs whitespace-pre-wrap text-ink-2 wrap-anywhere">
        {EXAMPLE}
      </pre>
    </figure>
  );
}
