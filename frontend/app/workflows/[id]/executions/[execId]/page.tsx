// `/workflows/<id>/executions/<id>`: one run; exported once, as `/workflows/_/executions/_`.
import type { Metadata } from "next";
import { RunClient } from "@/components/pages/clients";

export const metadata: Metadata = { title: "Run" };

export function generateStaticParams() {
  return [{ id: "_", execId: "_" }];
}

export default function Page() {
  return <RunClient />;
}
