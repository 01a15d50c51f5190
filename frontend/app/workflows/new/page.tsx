// `/workflows/new`: the builder with nothing in it, or with a template.
import type { Metadata } from "next";
import { WorkflowClient } from "@/components/pages/clients";

export const metadata: Metadata = { title: "New workflow" };

export default function Page() {
  return <WorkflowClient />;
}
