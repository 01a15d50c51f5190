// The endpoint: its address, calling it from here, calling it from elsewhere.
"use client";
import { Play } from "lucide-react";
import { useState } from "react";
import { Button } from "@/components/ui/button";
import { Card } from "@/components/ui/card";
import { CopyButton } from "@/components/ui/copy";
import { Field, Input } from "@/components/ui/field";
import { ErrorNote } from "@/components/ui/states";
import { Tabs } from "@/components/ui/tabs";
import { ValueView } from "@/components/ui/value";
import { download } from "@/components/workflows/download";
import { apiKey } from "@/lib/api/auth";
import { describeError } from "@/lib/api/errors";
import type { EndpointData, EndpointQuery, Job } from "@/lib/api/scraper-types";
import { endpointPath, scrapers } from "@/lib/api/scrapers";
import type { Json } from "@/lib/api/types";
import { fileNameOf } from "@/lib/documents";
import { plural } from "@/lib/format/text";
import { formatDuration } from "@/lib/format/time";
import { answerFacts } from "@/lib/scrapers/answer";
import { addressWith, snippetsOf } from "@/lib/scrapers/snippets";
import { toast } from "@/lib/toasts";
import { DownloadMenu } from "./download-menu";
import { Records } from "./records";

const PAGE = 20;

interface Tried {
  answer: EndpointData;
  ms: number;
  first: number;
}

export function EndpointCard({ job, onRan }: { job: Job; onRan: () => void }) {
  const [fresh, setFresh] = useState(false);
  const [limit, setLimit] = useState(String(PAGE));
  const [offset, setOffset] = useState("");
  const [tab, setTab] = useState<"try" | "curl" | "python" | "typescript">("try");
  const number = (text: string) => (/^\d+$/.test(text.trim()) ? Number(text) : null);
  const query: EndpointQuery = { fresh, limit: number(limit), offset: number(offset) };
  const origin = window.location.origin;
  const path = job.api_endpoint ?? endpointPath(job.id);
  const base = path.startsWith("/") ? origin : "";
  const snippets = snippetsOf({ origin: base, path, query, key: apiKey() !== null });
  const tabs = [{ key: "try" as const, label: "Try it" }, ...snippets.map(({ key, label }) => ({ key, label }))];
  const chosen = snippets.find((snippet) => snippet.key === tab);
  return (
    <Card title="Endpoint" flush actions={<DownloadMenu job={job} />}>
      <div className="flex items-center gap-2 border-b px-4 py-2.5">
        <span className="shrink-0 rounded border bg-sunken px-1.5 font-mono text-xs leading-5 text-ink-2">GET</span>
        <code className="min-w-0 flex-1 font-mono text-xs wrap-anywhere" data-endpoint>
          {addressWith({ origin: base, path, query: { fresh: false, limit: null, offset: null } })}
        </code>
        <CopyButton
          text={addressWith({ origin: base, path, query: { fresh: false, limit: null, offset: null } })}
          label="Copy the address"
        />
      </div>
      <Tabs label="Ways to call it" tabs={tabs} value={tab} onChange={setTab} panelClassName="">
        {chosen === undefined ? (
          <TryIt
            job={job}
            query={query}
            fields={{ fresh, setFresh, limit, setLimit, offset, setOffset }}
            onRan={onRan}
          />
        ) : (
          <div className="relative">
            <pre
              className="overflow-x-auto px-4 py-3 pr-12 font-mono text-xs leading-5 whitespace-pre-wrap wrap-anywhere"
              dir="ltr"
            >
              {chosen.code}
            </pre>
            <CopyButton
              text={chosen.code}
              label={`Copy the ${chosen.label} snippet`}
              className="absolute top-2.5 right-3 bg-surface"
            />
            <p className="px-4 pb-3 text-xs text-mute">
              With what is set under “Try it”. <OpenApi job={job} />
            </p>
          </div>
        )}
      </Tabs>
    </Card>
  );
}

/** Asked for with this tab's key, which a plain link could not bring along. */
function OpenApi({ job }: { job: Job }) {
  async function save() {
    try {
      download(fileNameOf(`${job.description} openapi`), await scrapers.openapi(job.id));
    } catch (error) {
      toast(describeError(error).message, "error");
    }
  }
  return (
    <button type="button" className="underline underline-offset-2 hover:text-ink" onClick={() => void save()}>
      Download this endpoint's OpenAPI description
    </button>
  );
}

interface TryFields {
  fresh: boolean;
  setFresh: (on: boolean) => void;
  limit: string;
  setLimit: (text: string) => void;
  offset: string;
  setOffset: (text: string) => void;
}

function TryIt({
  job,
  query,
  fields,
  onRan,
}: {
  job: Job;
  query: EndpointQuery;
  fields: TryFields;
  onRan: () => void;
}) {
  const [busy, setBusy] = useState(false);
  const [tried, setTried] = useState<Tried | null>(null);
  const [error, setError] = useState<unknown>(null);
  const [raw, setRaw] = useState(false);
  const wrong = (text: string, least: number) =>
    text.trim() === "" || (/^\d+$/.test(text.trim()) && Number(text) >= least && Number(text) <= 1_000_000)
      ? undefined
      : `A whole number from ${least}.`;
  const wrongLimit = query.limit !== null && query.limit > 10_000 ? "At most 10,000 at once." : wrong(fields.limit, 1);
  const wrongOffset = wrong(fields.offset, 0);

  async function run() {
    if (wrongLimit !== undefined || wrongOffset !== undefined) return;
    setBusy(true);
    setError(null);
    const began = performance.now();
    try {
      const answer = await scrapers.data(job.id, query);
      setTried({ answer, ms: performance.now() - began, first: (query.offset ?? 0) + 1 });
    } catch (caught) {
      setError(caught);
    } finally {
      setBusy(false);
      onRan();
    }
  }

  return (
    <>
      <form
        aria-label="Try the endpoint"
        noValidate
        className="flex flex-wrap items-start gap-x-4 gap-y-3 px-4 py-3"
        onSubmit={(event) => {
          event.preventDefault();
          void run();
        }}
      >
        <div className="w-28">
          <Field label="Limit" error={wrongLimit}>
            {(props) => (
              <Input
                {...props}
                low
                inputMode="numeric"
                className="nums"
                placeholder="all"
                value={fields.limit}
                onChange={(event) => fields.setLimit(event.target.value)}
              />
            )}
          </Field>
        </div>
        <div className="w-28">
          <Field label="Offset" error={wrongOffset}>
            {(props) => (
              <Input
                {...props}
                low
                inputMode="numeric"
                className="nums"
                placeholder="0"
                value={fields.offset}
                onChange={(event) => fields.setOffset(event.target.value)}
              />
            )}
          </Field>
        </div>
        <label className="flex h-8 cursor-pointer items-center gap-2 self-start sm:mt-6">
          <input
            type="checkbox"
            className="size-4 accent-(--accent)"
            checked={fields.fresh}
            onChange={(event) => fields.setFresh(event.target.checked)}
          />
          Read the site now
        </label>
        <Button
          type="submit"
          size="sm"
          variant="primary"
          className="sm:mt-6"
          disabled={busy}
          icon={<Play aria-hidden size={13} />}
        >
          {busy ? "Running…" : "Try it"}
        </Button>
      </form>
      <div role="status">
        {busy && <p className="px-4 pb-3 text-xs text-mute">The scraper is run; reading many pages takes its time.</p>}
        {!busy && tried !== null && <Facts tried={tried} raw={raw} onRaw={setRaw} />}
      </div>
      {error !== null && (
        <div className="px-4 pb-4">
          <ErrorNote error={error} onRetry={() => void run()} />
        </div>
      )}
      {tried !== null && error === null && (
        <div className="border-t">
          {raw ? (
            <div className="p-4">
              <ValueView value={tried.answer as unknown as Json} label="Answer" tall />
            </div>
          ) : (
            <Records
              data={tried.answer.data}
              label="Records of the answer"
              first={tried.first}
              order={answerFacts(tried.answer).fields}
              tall
            />
          )}
        </div>
      )}
    </>
  );
}

function Facts({ tried, raw, onRaw }: { tried: Tried; raw: boolean; onRaw: (on: boolean) => void }) {
  const facts = answerFacts(tried.answer);
  return (
    <div className="nums flex flex-wrap items-center gap-x-3 gap-y-1 px-4 pb-3 text-xs text-mute">
      <span>
        {facts.total !== null && facts.total !== tried.answer.data.length
          ? `${tried.answer.data.length.toLocaleString("en-US")} of ${plural(facts.total, "record")}`
          : plural(tried.answer.data.length, "record")}{" "}
        · {formatDuration(tried.ms)}
        {facts.from === null ? "" : ` · ${facts.from}`}
      </span>
      {facts.warnings.map((warning) => (
        <span key={warning} className="basis-full text-amber-900 dark:text-amber-300">
          {warning}
        </span>
      ))}
      <Button size="sm" variant="ghost" className="ml-auto" aria-pressed={raw} onClick={() => onRaw(!raw)}>
        {raw ? "As a table" : "As JSON"}
      </Button>
    </div>
  );
}
