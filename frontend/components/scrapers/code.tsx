// The scraper's code, and what each version changed.
"use client";
import { Download } from "lucide-react";
import { Fragment, useMemo, useState } from "react";
import { Button } from "@/components/ui/button";
import { Card } from "@/components/ui/card";
import { CopyButton } from "@/components/ui/copy";
import { cx } from "@/components/ui/cx";
import { Select } from "@/components/ui/field";
import { ScrollBox } from "@/components/ui/scroll-box";
import { Skeleton } from "@/components/ui/skeleton";
import { downloadText } from "@/components/workflows/download";
import type { Job } from "@/lib/api/scraper-types";
import { fileNameOf } from "@/lib/documents";
import { plural } from "@/lib/format/text";
import { formatMoment } from "@/lib/format/time";
import { type PieceKind, pythonLines } from "@/lib/scrapers/python-words";
import { sourceWords } from "@/lib/scrapers/read";
import { type Version, versionsOf } from "@/lib/scrapers/versions";
import { LineDifference } from "./line-difference";

const TONES: Record<PieceKind, string> = {
  plain: "",
  word: "text-accent",
  string: "text-green-800 dark:text-green-300",
  comment: "text-mute italic",
};

export function PythonCode({ code, label }: { code: string; label: string }) {
  const lines = useMemo(() => pythonLines(code.slice(0, 200_000)), [code]);
  return (
    <ScrollBox label={label} className="relative max-h-[32rem] overflow-auto focus-visible:-outline-offset-2">
      <pre dir="ltr" className="min-w-max py-2.5 font-mono text-xs leading-5">
        <code>
          {lines.map((pieces, index) => (
            // biome-ignore lint/suspicious/noArrayIndexKey: lines have no other name
            <Fragment key={index}>
              <span aria-hidden className="nums inline-block w-11 pr-3 text-right text-mute select-none">
                {index + 1}
              </span>
              {pieces.map((piece, place) =>
                piece.kind === "plain" ? (
                  piece.text
                ) : (
                  // biome-ignore lint/suspicious/noArrayIndexKey: pieces have no other name
                  <span key={place} className={TONES[piece.kind]}>
                    {piece.text}
                  </span>
                ),
              )}
              {"\n"}
            </Fragment>
          ))}
        </code>
      </pre>
    </ScrollBox>
  );
}

export function CodeCard({ job }: { job: Job }) {
  const versions = useMemo(() => versionsOf(job), [job]);
  const [chosen, setChosen] = useState<number | null>(null);
  const [compare, setCompare] = useState(false);
  const shown = versions.find((version) => version.number === chosen) ?? versions[0];
  const before = shown === undefined ? undefined : versions.find((version) => version.number < shown.number);
  if (shown === undefined) {
    return job.scraper_code === null && job.status !== "ready" ? null : (
      <Card title="Code">
        <Skeleton className="h-40 w-full" />
      </Card>
    );
  }
  return (
    <Card
      title="Code"
      flush
      note={<Facts version={shown} current={shown.number === job.code_version} />}
      actions={
        <>
          {versions.length > 1 && (
            <Select
              aria-label="Version"
              className="!h-8 !w-auto text-xs"
              value={String(shown.number)}
              onChange={(event) => setChosen(Number(event.target.value))}
            >
              {versions.map((version) => (
                <option key={version.number} value={version.number}>
                  Version {version.number}
                  {version.number === job.code_version ? " (in use)" : ""}
                </option>
              ))}
            </Select>
          )}
          {before !== undefined && (
            <Button size="sm" aria-pressed={compare} onClick={() => setCompare(!compare)}>
              {compare ? "Show the code" : `Changes since version ${before.number}`}
            </Button>
          )}
          <Button
            size="sm"
            variant="ghost"
            icon={<Download aria-hidden size={13} />}
            onClick={() => downloadText(fileNameOf(job.description, "py"), shown.code, "text/x-python")}
          >
            Download
          </Button>
          <CopyButton text={shown.code} label="Copy the code" />
        </>
      }
    >
      {compare && before !== undefined ? (
        <LineDifference
          before={before.code}
          after={shown.code}
          label={`Changes from version ${before.number} to ${shown.number}`}
        />
      ) : (
        <PythonCode code={shown.code} label={`Code, version ${shown.number}`} />
      )}
    </Card>
  );
}

function Facts({ version, current }: { version: Version; current: boolean }) {
  const facts = [
    `version ${version.number}`,
    current ? null : "not in use",
    version.madeBy === null ? null : sourceWords(version.madeBy),
    plural(version.code.trimEnd().split("\n").length, "line"),
    version.at === null ? null : formatMoment(version.at),
  ];
  return <span className={cx("nums")}>{facts.filter(Boolean).join(" · ")}</span>;
}
