// `/models`: prices, and which providers are configured.
import type { Metadata } from "next";
import { ModelsPage } from "@/components/pages/models";

export const metadata: Metadata = { title: "Models" };

export default function Page() {
  return <ModelsPage />;
}
