// What stands where no page is.
import type { Metadata } from "next";
import { NotFound } from "@/components/pages/not-found";

export const metadata: Metadata = { title: "Not found" };

export default function Page() {
  return <NotFound what="page" />;
}
