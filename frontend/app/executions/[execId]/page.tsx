// `/executions/<id>`: one run, known by its id alone; exported once, as `/executions/_`.
import type { Metadata } from "next";
import { RunClient } from "@/components/pages/clients";

export const metadata: Metadata = { title: "Run" };

export function generateStaticParams() {
  return [{ execId: "_" }];
}

export default function Page() {
  return <RunClient />;
}
