// `/scrapers/<id>`: exported once, as `/scrapers/_`.
import type { Metadata } from "next";
import { ScraperClient } from "@/components/pages/clients";

export const metadata: Metadata = { title: "Scraper" };

export function generateStaticParams() {
  return [{ id: "_" }];
}

export default function Page() {
  return <ScraperClient />;
}
