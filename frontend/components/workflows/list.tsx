// The workflows: searched on the server (the text is in the address), page by page.
"use client";
import { Search } from "lucide-react";
import { useSearchParams } from "next/navigation";
import { useEffect, useState } from "react";
import { Button } from "@/components/ui/button";
import { Card } from "@/components/ui/card";
import { Input } from "@/components/ui/field";
import { SkeletonRows } from "@/components/ui/skeleton";
import { EmptyState, ErrorNote, ErrorState } from "@/components/ui/states";
import { useWorkflows } from "@/hooks/queries";
import { NewMenu } from "./new-menu";
import { WorkflowRow } from "./row";

const TYPING_MS = 250;

export function WorkflowList() {
  const q = useSearchParams().get("q") ?? "";
  const query = useWorkflows(q);
  const items = query.data?.pages.flatMap((page) => page.items) ?? [];
  return (
    <Card
      title="Workflows"
      flush
      actions={
        <>
          <SearchBox q={q} />
          <NewMenu />
        </>
      }
    >
      {query.isPending ? (
        <SkeletonRows rows={5} />
      ) : query.isError && items.length === 0 ? (
        <ErrorState error={query.error} onRetry={() => query.refetch()} />
      ) : items.length === 0 ? (
        <EmptyState icon={<Search aria-hidden size={18} />} title={`Nothing matches “${q}”`}>
          The search looks at workflow names.
        </EmptyState>
      ) : (
        <>
          {query.isError && (
            <div className="p-3">
              <ErrorNote error={query.error} onRetry={() => query.refetch()} />
            </div>
          )}
          <ul className="divide-y" aria-busy={query.isPlaceholderData}>
            {items.map((workflow) => (
              <WorkflowRow key={workflow.id} workflow={workflow} />
            ))}
          </ul>
          {query.hasNextPage && (
            <div className="border-t p-3 text-center">
              <Button size="sm" disabled={query.isFetchingNextPage} onClick={() => query.fetchNextPage()}>
                {query.isFetchingNextPage ? "Loading…" : "Show more workflows"}
              </Button>
            </div>
          )}
        </>
      )}
    </Card>
  );
}

function SearchBox({ q }: { q: string }) {
  const [text, setText] = useState(q);

  useEffect(() => {
    if (text.trim() === q) return;
    const timer = setTimeout(() => {
      const query = text.trim();
      // Next follows history.replaceState, so this changes useSearchParams without loading anything
      window.history.replaceState(null, "", query === "" ? "/" : `/?q=${encodeURIComponent(query)}`);
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
        aria-label="Search workflows"
        placeholder="Search"
        value={text}
        onChange={(event) => setText(event.target.value)}
        low
        icon
        className="max-w-36 sm:max-w-52"
      />
    </div>
  );
}
