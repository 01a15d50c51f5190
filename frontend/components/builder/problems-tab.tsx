// Everything the server found, errors first; each leads to its place.
"use client";
import { CircleAlert, CircleCheck, TriangleAlert } from "lucide-react";
import { Prose } from "@/components/ui/prose";
import { EmptyState, ErrorNote } from "@/components/ui/states";
import type { Finding } from "@/lib/builder/problems";
import { useSession } from "./context";
import type { Checks } from "./use-checks";

export function ProblemsTab({ checks }: { checks: Checks }) {
  const { findings, failed, valid } = checks;
  if (failed !== null) {
    return (
      <div className="p-3">
        <ErrorNote error={failed} />
      </div>
    );
  }
  if (valid === null) return <p className="p-4 text-mute">Checking…</p>;
  if (findings.length === 0) {
    return (
      <EmptyState icon={<CircleCheck aria-hidden size={18} />} title="Nothing to mend">
        The workflow can be run.
      </EmptyState>
    );
  }
  return (
    <ul aria-label="Problems" className="divide-y">
      {findings.map((finding) => (
        <Row key={`${finding.severity} ${finding.code} ${finding.path} ${finding.message}`} finding={finding} />
      ))}
    </ul>
  );
}

function Row({ finding }: { finding: Finding }) {
  const session = useSession();
  const error = finding.severity === "error";
  return (
    <li>
      <button
        type="button"
        onClick={() => session.jump(finding.node, finding.field)}
        className="flex w-full items-start gap-2.5 px-3.5 py-2 text-left hover:bg-sunken focus-visible:-outline-offset-2"
      >
        {error ? (
          <CircleAlert aria-label="Problem:" size={15} className="mt-0.5 shrink-0 text-danger" />
        ) : (
          <TriangleAlert aria-label="Hint:" size={15} className="mt-0.5 shrink-0 text-amber-700 dark:text-amber-300" />
        )}
        <span className="min-w-0 flex-1">
          <span className="wrap-anywhere">
            <Prose text={finding.message} />
          </span>
          {finding.suggestion && (
            <span className="text-mute">
              . <Prose text={finding.suggestion} />.
            </span>
          )}
        </span>
        <code className="max-w-64 shrink-0 truncate font-mono text-xs text-mute">
          {finding.node ?? "workflow"}
          {finding.field.length > 0 && ` · ${finding.field.at(-1)}`}
        </code>
      </button>
    </li>
  );
}
