// All records of an endpoint as a file.
"use client";
import { ChevronDown, Download } from "lucide-react";
import { useState } from "react";
import { Button } from "@/components/ui/button";
import { Menu, MenuItem } from "@/components/ui/menu";
import { download, downloadText } from "@/components/workflows/download";
import { describeError } from "@/lib/api/errors";
import type { Job } from "@/lib/api/scraper-types";
import { scrapers } from "@/lib/api/scrapers";
import { fileNameOf } from "@/lib/documents";
import { toast } from "@/lib/toasts";

const EVERYTHING = { fresh: false, limit: null, offset: null };

export function DownloadMenu({ job }: { job: Job }) {
  const [busy, setBusy] = useState(false);
  async function save(format: "json" | "csv") {
    setBusy(true);
    try {
      if (format === "json") {
        download(fileNameOf(job.description), (await scrapers.data(job.id, EVERYTHING)).data);
      } else {
        downloadText(fileNameOf(job.description, "csv"), await scrapers.csv(job.id, EVERYTHING), "text/csv");
      }
    } catch (error) {
      toast(describeError(error).message, "error");
    } finally {
      setBusy(false);
    }
  }
  return (
    <Menu
      trigger={
        <Button size="sm" disabled={busy} icon={<Download aria-hidden size={13} />}>
          {busy ? "Downloading…" : "Download"}
          <ChevronDown aria-hidden size={13} />
        </Button>
      }
    >
      <MenuItem onSelect={() => void save("json")}>All records as JSON</MenuItem>
      <MenuItem onSelect={() => void save("csv")}>All records as CSV</MenuItem>
    </Menu>
  );
}
