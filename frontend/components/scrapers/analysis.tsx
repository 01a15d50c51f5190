// What was learned of the page: what sort it is, where records were found, how pages follow each other, the records' schema.
"use client";
import { AlertTriangle, ChevronRight, CircleCheck } from "lucide-react";
import { useMemo } from "react";
import { Card } from "@/components/ui/card";
import { Prose } from "@/components/ui/prose";
import { Shorten } from "@/components/ui/shorten";
import type { Job } from "@/lib/api/scraper-types";
import { plural } from "@/lib/format/text";
import { type AnalysisView, pageTypeWords, type RegionView, readAnalysis } from "@/lib/scrapers/read";
import { Requests } from "./requests";

export function AnalysisCard({ job }: { job: Job }) {
  const analysis = useMemo(() => readAnalysis(job.analysis), [job.analysis]);
  if (analysis === null) return null;
  return (
    <Card title="Analysis of the page" flush>
      <div className="px-4 py-3">
        {analysis.obstacle !== null && (
          <p className="mb-3 flex gap-2 rounded-md border border-amber-300 bg-amber-50 px-3 py-2 text-amber-950 dark:border-amber-500/40 dark:bg-amber-500/10 dark:text-amber-200">
            <AlertTriangle aria-hidden size={15} className="mt-0.5 shrink-0" />
            <Prose text={analysis.obstacle} />
          </p>
        )}
        <Facts analysis={analysis} />
      </div>
      {analysis.schema.length > 0 && (
        <Fold title="Schema" note={plural(analysis.schema.length, "field")}>
          <dl className="grid grid-cols-[minmax(0,auto)_minmax(0,1fr)] gap-x-4 gap-y-1.5 text-xs">
            {analysis.schema.map((field) => (
              <div key={field.name} className="contents">
                <dt className="truncate font-mono text-ink-2">
                  <Shorten text={field.name} most={60} />
                </dt>
                <dd className="text-mute">
                  {field.type}
                  {field.about !== null && <span className="block">{field.about.slice(0, 200)}</span>}
                </dd>
              </div>
            ))}
          </dl>
        </Fold>
      )}
      {analysis.regions.length > 0 && (
        <Fold title="Where records could be" note={plural(analysis.regions.length, "place")}>
          <ol className="space-y-3">
            {analysis.regions.map((region, index) => (
              // biome-ignore lint/suspicious/noArrayIndexKey: places have no other name
              <Region key={index} region={region} />
            ))}
          </ol>
        </Fold>
      )}
      {analysis.requests.length > 0 && (
        <Fold title="Requests" note={plural(analysis.requests.length, "request")}>
          <Requests requests={analysis.requests} label="Requests to study the page" />
        </Fold>
      )}
    </Card>
  );
}

function Facts({ analysis }: { analysis: AnalysisView }) {
  const facts: [string, React.ReactNode][] = [];
  if (analysis.title !== null) facts.push(["Title", <Shorten key="title" text={analysis.title} most={160} />]);
  if (analysis.pageType !== null) facts.push(["Kind of page", pageTypeWords(analysis.pageType)]);
  if (analysis.records !== null) facts.push(["Records on it", analysis.records.toLocaleString("en-US")]);
  if (analysis.wanted.length > 0)
    facts.push(["Asked for", <Shorten key="wanted" text={analysis.wanted.join(", ")} most={300} />]);
  if (analysis.missing.length > 0) {
    facts.push([
      "Not found",
      <span key="missing" className="text-amber-900 dark:text-amber-300">
        <Shorten text={analysis.missing.join(", ")} most={300} />
      </span>,
    ]);
  }
  facts.push([
    "Further pages",
    analysis.pagination === null
      ? "no links to them"
      : `${analysis.pagination}${analysis.pages === null ? "" : analysis.pages > 1 ? `; up to ${analysis.pages} are read` : "; not asked for"}`,
  ]);
  if (analysis.encoding !== null) facts.push(["Encoding", analysis.encoding.slice(0, 60)]);
  if (analysis.model !== null)
    facts.push([
      "Model asked",
      <code key="model" className="font-mono text-xs">
        {analysis.model.slice(0, 100)}
      </code>,
    ]);
  return (
    <dl className="grid grid-cols-[auto_minmax(0,1fr)] gap-x-4 gap-y-1.5">
      {facts.map(([name, value]) => (
        <div key={name} className="contents">
          <dt className="text-mute">{name}</dt>
          <dd className="nums wrap-anywhere">{value}</dd>
        </div>
      ))}
    </dl>
  );
}

export function Fold({ title, note, children }: { title: string; note?: string; children: React.ReactNode }) {
  return (
    <details className="group border-t">
      <summary className="flex list-none items-center gap-1.5 px-4 py-2.5 font-medium hover:bg-sunken focus-visible:-outline-offset-2">
        <ChevronRight aria-hidden size={14} className="text-mute transition-transform group-open:rotate-90" />
        {title}
        {note && <span className="nums text-xs font-normal text-mute">{note}</span>}
      </summary>
      <div className="px-4 pt-1 pb-4">{children}</div>
    </details>
  );
}

function Region({ region }: { region: RegionView }) {
  return (
    <li className="rounded-md border px-3 py-2.5">
      <p className="nums flex flex-wrap items-center gap-x-2 gap-y-0.5">
        <span className="font-medium">{region.where}</span>
        <span className="text-xs text-mute">{plural(region.count, "record")}</span>
        {region.chosen && (
          <span className="inline-flex items-center gap-1 text-xs text-green-800 dark:text-green-300">
            <CircleCheck aria-hidden size={13} />
            taken
          </span>
        )}
      </p>
      {region.selector !== null && (
        <code className="mt-0.5 block font-mono text-xs text-mute wrap-anywhere">
          <Shorten text={region.selector} most={200} />
        </code>
      )}
      <ul className="mt-1.5 space-y-0.5 text-xs">
        {region.columns.slice(0, 12).map((column, index) => (
          // biome-ignore lint/suspicious/noArrayIndexKey: names may repeat
          <li key={index} className="flex gap-2">
            <span className="w-28 shrink-0 truncate font-mono text-ink-2">
              <Shorten text={column.name} most={40} />
            </span>
            <span className="min-w-0 truncate text-mute">
              {column.kind}
              {column.fill !== null && column.fill < 0.995 ? ` in ${Math.round(column.fill * 100)} %` : ""}
              {column.samples.length > 0 && (
                <>
                  {": "}
                  <Shorten text={column.samples[0] ?? ""} most={80} />
                </>
              )}
            </span>
          </li>
        ))}
      </ul>
    </li>
  );
}
