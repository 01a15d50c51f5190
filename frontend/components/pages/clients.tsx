// The pages that exist once for all ids: rendered in the browser only, because the exported HTML cannot know the id.
"use client";
import dynamic from "next/dynamic";
import { SkeletonPage } from "@/components/ui/skeleton";

const loading = () => <SkeletonPage />;

export const WorkflowClient = dynamic(() => import("./builder").then((module) => module.BuilderPage), {
  ssr: false,
  loading,
});

export const ExecutionsClient = dynamic(() => import("./executions").then((module) => module.ExecutionsPage), {
  ssr: false,
  loading,
});

export const RunClient = dynamic(() => import("./run").then((module) => module.RunPage), { ssr: false, loading });

export const CompareClient = dynamic(() => import("./compare").then((module) => module.ComparePage), {
  ssr: false,
  loading,
});

export const ScraperClient = dynamic(() => import("./scraper").then((module) => module.ScraperPage), {
  ssr: false,
  loading,
});

export const NewScraperClient = dynamic(() => import("./scraper-new").then((module) => module.NewScraperPage), {
  ssr: false,
  loading,
});
