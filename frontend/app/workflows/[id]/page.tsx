// `/workflows/<id>`: exported once, as `/workflows/_`.
import type { Metadata } from "next";
import { WorkflowClient } from "@/components/pages/clients";

export const metadata: Metadata = { title: "Workflow" };

export function generateStaticParams() {
  return [{ id: "_" }];
}

export default function Page() {
  return <WorkflowClient />;
}
