// `/executions`: all runs.
import type { Metadata } from "next";
import { Suspense } from "react";
import { ExecutionsPage } from "@/components/pages/executions";
import { SkeletonPage } from "@/components/ui/skeleton";

export const metadata: Metadata = { title: "Runs" };

export default function Page() {
  return (
    <Suspense fallback={<SkeletonPage />}>
      <ExecutionsPage />
    </Suspense>
  );
}
