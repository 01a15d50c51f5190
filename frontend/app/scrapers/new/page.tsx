// `/scrapers/new`: an address and a sentence.
import type { Metadata } from "next";
import { NewScraperClient } from "@/components/pages/clients";

export const metadata: Metadata = { title: "New scraper" };

export default function Page() {
  return <NewScraperClient />;
}
