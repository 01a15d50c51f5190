// The workflow as a list in the order of execution, with what each node follows and which tools it has: the outline, and
// the sentence that describes a node to a screen reader. Not here: drawing.
import type { WorkflowDocument, WorkflowNode } from "../api/types";
import { nameOf, usesOf } from "../nodes";
import { kindLabel } from "./catalog";
import { isAttachment, neighboursOf, orderOf } from "./graph";

export interface OutlineRow {
  node: WorkflowNode;
  name: string;
  kind: string;
  /** 1 for steps, 2 for tools of the agent above. */
  level: 1 | 2;
  /** Where its inputs come from: `draft`, `good (yes)`. */
  after: string[];
  position: number;
  siblings: number;
}

export function outlineOf(document: WorkflowDocument): OutlineRow[] {
  const { incoming, outgoing } = neighboursOf(document);
  const nodes = new Map(document.graph.nodes.map((node) => [node.id, node]));
  const rows: OutlineRow[] = [];
  let steps = 0;
  for (const id of orderOf(document)) {
    const node = nodes.get(id);
    if (!node) continue;
    const tool = (outgoing.get(id) ?? []).some(isAttachment);
    if (!tool) steps += 1;
    const after = (incoming.get(id) ?? [])
      .filter((edge) => !isAttachment(edge))
      .map(
        (edge) =>
          `${nameOf(nodes.get(edge.source), edge.source)}${edge.source_handle ? ` (${edge.source_handle})` : ""}`,
      );
    rows.push({
      node,
      name: nameOf(node, id),
      kind: kindLabel(node.type, node.config),
      level: tool ? 2 : 1,
      after,
      position: tool ? 1 : steps,
      siblings: 0,
    });
  }
  return rows.map((row) => ({ ...row, siblings: row.level === 1 ? steps : 1 }));
}

/** `Draft, Agent, demo/small. After Search. Goes to Check, Summary. 2 problems.` */
export function describeNode(document: WorkflowDocument, id: string, problems: number): string {
  const node = document.graph.nodes.find((one) => one.id === id);
  if (!node) return "";
  const names = new Map(document.graph.nodes.map((one) => [one.id, nameOf(one, one.id)]));
  const from = document.graph.edges.filter((edge) => edge.target === id);
  const to = document.graph.edges.filter((edge) => edge.source === id);
  const list = (ids: string[]) => ids.map((one) => names.get(one) ?? one).join(", ");
  const steps = from.filter((edge) => !isAttachment(edge)).map((edge) => edge.source);
  const tools = from.filter(isAttachment).map((edge) => edge.source);
  const says = [
    `${nameOf(node, id)}, ${kindLabel(node.type, node.config)}${node.type === "agent" ? `, ${usesOf(node)}` : ""}.`,
  ];
  says.push(steps.length === 0 ? "Starts at once." : `After ${list(steps)}.`);
  if (tools.length > 0) says.push(`Tools: ${list(tools)}.`);
  const attached = to.filter(isAttachment).map((edge) => edge.target);
  if (attached.length > 0) says.push(`Tool of ${list(attached)}.`);
  else if (to.length === 0) says.push("Ends here.");
  else {
    says.push(
      `Goes to ${to.map((edge) => `${names.get(edge.target) ?? edge.target}${edge.source_handle ? ` when ${edge.source_handle}` : ""}`).join(", ")}.`,
    );
  }
  if (problems > 0) says.push(`${problems} ${problems === 1 ? "problem" : "problems"}.`);
  return says.join(" ").slice(0, 600);
}

/** Nodes whose name, id, kind or settings hold every word. */
export function findNodes(document: WorkflowDocument, text: string): WorkflowNode[] {
  const words = text.toLowerCase().split(/\s+/).filter(Boolean);
  if (words.length === 0) return document.graph.nodes;
  return document.graph.nodes.filter((node) => {
    const hay = `${node.name ?? ""} ${node.id} ${kindLabel(node.type, node.config)} ${JSON.stringify(node.config)}`;
    const lower = hay.slice(0, 20_000).toLowerCase();
    return words.every((word) => lower.includes(word));
  });
}
