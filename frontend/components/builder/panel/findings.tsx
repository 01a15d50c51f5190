// What the server found, at a field: what is wrong, and what to do.
"use client";
import { CircleAlert, TriangleAlert } from "lucide-react";
import { Prose } from "@/components/ui/prose";
import type { Finding } from "@/lib/builder/problems";

export function FindingList({ findings, id }: { findings: readonly Finding[]; id?: string }) {
  if (findings.length === 0) return null;
  return (
    <ul id={id} className="space-y-1">
      {findings.map((finding) => (
        <li key={`${finding.code} ${finding.path}`} className="flex gap-1.5 text-xs">
          {finding.severity === "error" ? (
            <CircleAlert aria-label="Problem:" size={13} className="mt-0.5 shrink-0 text-danger" />
          ) : (
            <TriangleAlert
              aria-label="Hint:"
              size={13}
              className="mt-0.5 shrink-0 text-amber-700 dark:text-amber-300"
            />
          )}
          <span className="min-w-0 wrap-anywhere">
            <span className={finding.severity === "error" ? "text-danger" : "text-amber-900 dark:text-amber-200"}>
              <Prose text={finding.message} />
            </span>
            {finding.suggestion && (
              <span className="text-mute">
                . <Prose text={finding.suggestion} />.
              </span>
            )}
          </span>
        </li>
      ))}
    </ul>
  );
}
