// `/workflows/<id>/executions`: one workflow's runs; exported once, as `/workflows/_/executions`.
import type { Metadata } from "next";
import { ExecutionsClient } from "@/components/pages/clients";

export const metadata: Metadata = { title: "Runs" };

export function generateStaticParams() {
  return [{ id: "_" }];
}

export default function Page() {
  return <ExecutionsClient />;
}
