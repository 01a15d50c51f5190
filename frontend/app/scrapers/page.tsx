// `/scrapers`: all scrapers and their endpoints.
import type { Metadata } from "next";
import { Suspense } from "react";
import { ScrapersPage } from "@/components/pages/scrapers";
import { SkeletonPage } from "@/components/ui/skeleton";

export const metadata: Metadata = { title: "Scrapers" };

export default function Page() {
  return (
    <Suspense fallback={<SkeletonPage />}>
      <ScrapersPage />
    </Suspense>
  );
}
