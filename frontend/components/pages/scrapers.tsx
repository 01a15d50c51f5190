// All scrapers: searched (the text is in the address), page by page; what they are while there is none.
"use client";
import { Plus, Search } from "lucide-react";
import { useSearchParams } from "next/navigation";
import { useEffect, useState } from "react";
import { ScraperList } from "@/components/scrapers/list";
import { LinkButton } from "@/components/ui/button";
import { Card, PageHead } from "@/components/ui/card";
import { Input } from "@/components/ui/field";
import { routes } from "@/lib/routes";

const TYPING_MS = 250;

export function ScrapersPage() {
  const q = useSearchParams().get("q") ?? "";
  return (
    <>
      <PageHead
        title="Scrapers"
        below="An address and a sentence become an endpoint that answers with data."
        actions={
          <>
            <SearchBox q={q} />
            <LinkButton href={routes.newScraper()} variant="primary" icon={<Plus aria-hidden size={15} />}>
              New scraper
            </LinkButton>
          </>
        }
      />
      <Card flush>
        <ScraperList q={q} label="All scrapers" />
      </Card>
    </>
  );
}

function SearchBox({ q }: { q: string }) {
  const [text, setText] = useState(q);

  useEffect(() => {
    if (text.trim() === q) return;
    const timer = setTimeout(() => {
      const query = text.trim();
      window.history.replaceState(
        null,
        "",
        `${routes.scrapers()}${query === "" ? "" : `?q=${encodeURIComponent(query)}`}`,
      );
    }, TYPING_MS);
    return () => clearTimeout(timer);
  }, [text, q]);

  return (
    <div className="relative">
      <Search
        aria-hidden
        size={14}
        className="pointer-events-none absolute top-1/2 left-2.5 -translate-y-1/2 text-mute"
      />
      <Input
        type="search"
        aria-label="Search scrapers"
        placeholder="Search"
        value={text}
        onChange={(event) => setText(event.target.value)}
        icon
        className="max-w-52"
      />
    </div>
  );
}
