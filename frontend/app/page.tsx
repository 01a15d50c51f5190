// `/`: the overview.
import type { Metadata } from "next";
import { Suspense } from "react";
import { Overview } from "@/components/pages/overview";
import { SkeletonPage } from "@/components/ui/skeleton";

export const metadata: Metadata = { title: "Overview" };

export default function Page() {
  return (
    <Suspense fallback={<SkeletonPage />}>
      <Overview />
    </Suspense>
  );
}
