// What the server found in a document, sorted to the nodes and fields it is about. Not here: asking the server.
import type { Problem, WorkflowDocument } from "../api/types";

export type Severity = "error" | "warning";

export interface Finding extends Problem {
  severity: Severity;
  /** The node, if it is about one. */
  node: string | null;
  /** The path below that node, or below the document: `["config", "prompt"]`. */
  field: string[];
}

export interface Report {
  valid: boolean;
  errors: Problem[];
  warnings: Problem[];
}

const unescaped = (part: string) => part.replaceAll("~1", "/").replaceAll("~0", "~");

export function pointer(path: string): string[] {
  return path === "" ? [] : path.split("/").slice(1).map(unescaped);
}

export function findingsOf(report: Report, document: WorkflowDocument): Finding[] {
  const place = (problem: Problem, severity: Severity): Finding => {
    const parts = pointer(problem.path);
    if (parts[0] === "graph" && parts[1] === "nodes" && parts[2] !== undefined) {
      const node = document.graph.nodes[Number(parts[2])]?.id ?? problem.node_id ?? null;
      return { ...problem, severity, node, field: parts.slice(3) };
    }
    if (parts[0] === "graph" && parts[1] === "edges" && parts[2] !== undefined) {
      const edge = document.graph.edges[Number(parts[2])];
      return { ...problem, severity, node: problem.node_id ?? edge?.target ?? null, field: [] };
    }
    return { ...problem, severity, node: problem.node_id ?? null, field: problem.node_id ? [] : parts };
  };
  return [
    ...report.errors.map((problem) => place(problem, "error")),
    ...report.warnings.map((problem) => place(problem, "warning")),
  ];
}

export interface NodeFindings {
  errors: number;
  warnings: number;
  findings: Finding[];
}

export function byNode(findings: readonly Finding[]): ReadonlyMap<string, NodeFindings> {
  const map = new Map<string, NodeFindings>();
  for (const finding of findings) {
    if (finding.node === null) continue;
    const entry = map.get(finding.node) ?? { errors: 0, warnings: 0, findings: [] };
    entry.findings.push(finding);
    if (finding.severity === "error") entry.errors += 1;
    else entry.warnings += 1;
    map.set(finding.node, entry);
  }
  return map;
}

/** What is wrong at or below a field. */
export function findingsAt(findings: readonly Finding[], path: readonly string[]): Finding[] {
  return findings.filter((finding) => path.every((part, index) => finding.field[index] === part));
}
