// Asks the server, a moment after each change, what is wrong with the document and what a run may cost; hands the answers
// to the canvas. Not here: showing them.
"use client";
import { keepPreviousData, useQuery } from "@tanstack/react-query";
import { useEffect, useMemo, useState } from "react";
import { api } from "@/lib/api/client";
import { ApiError } from "@/lib/api/errors";
import type { Estimate, Json, NodeEstimate, WorkflowDocument } from "@/lib/api/types";
import { byNode, type Finding, findingsOf, type NodeFindings } from "@/lib/builder/problems";
import { sampleInputs } from "@/lib/builder/samples";
import type { Session } from "@/lib/builder/session";
import { KeyedStore } from "@/lib/keyed";

const VALIDATE_MS = 350;

export type EstimateState =
  | { kind: "none" }
  /** The document has problems; an estimate needs a valid one. */
  | { kind: "blocked" }
  | { kind: "unavailable" }
  | { kind: "failed"; error: unknown }
  | { kind: "known"; estimate: Estimate; stale: boolean };

export interface Checks {
  findings: Finding[];
  errors: number;
  warnings: number;
  /** The answer belongs to an older state of the document. */
  checking: boolean;
  failed: unknown;
  valid: boolean | null;
  estimate: EstimateState;
}

/** The document as it was when nothing had changed for a moment. */
function useSettled(session: Session): { document: WorkflowDocument; revision: number } {
  const [settled, setSettled] = useState(() => ({
    document: session.document,
    revision: session.editor.state.revision,
  }));
  useEffect(() => {
    let timer: ReturnType<typeof setTimeout> | null = null;
    const stop = session.editor.store.subscribe(({ document, revision }) => {
      if (timer !== null) clearTimeout(timer);
      timer = setTimeout(() => {
        setSettled((before) => (before.revision === revision ? before : { document, revision }));
      }, VALIDATE_MS);
    });
    return () => {
      stop();
      if (timer !== null) clearTimeout(timer);
    };
  }, [session]);
  return settled;
}

export interface CheckStores {
  findings: KeyedStore<NodeFindings>;
  estimates: KeyedStore<NodeEstimate>;
}

export function useCheckStores(): CheckStores {
  return useMemo(() => ({ findings: new KeyedStore<NodeFindings>(), estimates: new KeyedStore<NodeEstimate>() }), []);
}

export function useChecks(
  session: Session,
  stores: CheckStores,
  revision: number,
  lastInputs: Json | undefined,
): Checks {
  const settled = useSettled(session);
  const report = useQuery({
    queryKey: ["validate", session, settled.revision],
    queryFn: ({ signal }) => api.validate(settled.document, signal),
    placeholderData: keepPreviousData,
    staleTime: Number.POSITIVE_INFINITY,
    gcTime: 0,
  });
  const fresh = report.data !== undefined && !report.isPlaceholderData;
  const runnable = fresh && report.data.valid && settled.document.graph.nodes.length > 0;
  const inputs = useMemo(
    () => sampleInputs(settled.document.inputs, lastInputs),
    [settled.document.inputs, lastInputs],
  );
  const estimate = useQuery({
    queryKey: ["estimate", session, settled.revision, inputs],
    queryFn: ({ signal }) => api.estimate({ document: settled.document, inputs }, signal),
    enabled: runnable,
    placeholderData: keepPreviousData,
    staleTime: Number.POSITIVE_INFINITY,
    gcTime: 0,
    retry: false,
  });

  const findings = useMemo(
    () => (report.data ? findingsOf(report.data, settled.document) : []),
    [report.data, settled.document],
  );
  useEffect(() => stores.findings.fill(byNode(findings)), [stores, findings]);
  useEffect(() => {
    const known = runnable && estimate.data ? estimate.data.nodes : [];
    stores.estimates.fill(new Map(known.map((node) => [node.node_id, node])));
  }, [stores, runnable, estimate.data]);

  const errors = findings.filter((finding) => finding.severity === "error").length;
  return {
    findings,
    errors,
    warnings: findings.length - errors,
    checking: settled.revision !== revision || report.isFetching,
    failed: report.error,
    valid: report.data?.valid ?? null,
    estimate: estimateState(
      settled.document,
      runnable,
      fresh,
      estimate.data,
      estimate.error,
      estimate.isPlaceholderData,
    ),
  };
}

function estimateState(
  document: WorkflowDocument,
  runnable: boolean,
  fresh: boolean,
  data: Estimate | undefined,
  error: unknown,
  stale: boolean,
): EstimateState {
  if (document.graph.nodes.length === 0) return { kind: "none" };
  if (fresh && !runnable) return { kind: "blocked" };
  if (error instanceof ApiError && error.status === 501) return { kind: "unavailable" };
  if (error !== null) return { kind: "failed", error };
  return data ? { kind: "known", estimate: data, stale: stale || !fresh } : { kind: "none" };
}
