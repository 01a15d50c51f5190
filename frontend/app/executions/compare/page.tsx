// `/executions/compare?a=…&b=…`: two runs side by side.
import type { Metadata } from "next";
import { CompareClient } from "@/components/pages/clients";

export const metadata: Metadata = { title: "Compare runs" };

export default function Page() {
  return <CompareClient />;
}
