// The nodes of a workflow, read-only.
"use client";
import { Shorten, shorten } from "@/components/ui/shorten";
import type { Workflow, WorkflowNode } from "@/lib/api/types";
import { incomingOf, nameOf, usesOf } from "@/lib/nodes";
import { NodeIcon } from "./node-icon";

export function NodeTable({ workflow }: { workflow: Workflow }) {
  return (
    <ul className="divide-y">
      {workflow.graph.nodes.map((node) => (
        <Row key={node.id} workflow={workflow} node={node} />
      ))}
    </ul>
  );
}

function Row({ workflow, node }: { workflow: Workflow; node: WorkflowNode }) {
  const incoming = incomingOf(workflow, node.id);
  const steps = incoming.filter((edge) => !edge.attached);
  const tools = incoming.filter((edge) => edge.attached);
  const name = nameOf(node, node.id);
  return (
    <li className="flex items-start gap-3 px-4 py-2.5">
      <span className="mt-0.5">
        <NodeIcon type={node.type} />
      </span>
      <div className="min-w-0 flex-1">
        <p className="truncate font-medium">
          <Shorten text={name} most={100} />
          {name !== node.id && <code className="ml-2 font-mono text-xs font-normal text-mute">{node.id}</code>}
        </p>
        <p className="text-xs text-mute">
          {steps.length === 0 ? "starts at once" : "after "}
          {steps.map((edge, index) => (
            <span key={`${edge.id} ${edge.handle}`}>
              {index > 0 && ", "}
              <code className="font-mono">{edge.id}</code>
              {edge.handle && ` (${shorten(edge.handle, 40)})`}
            </span>
          ))}
          {tools.length > 0 && <> · may call {tools.map((edge) => edge.id).join(", ")}</>}
        </p>
      </div>
      <code className="max-w-[45%] truncate font-mono text-xs leading-5 text-ink-2" title={shorten(usesOf(node), 200)}>
        <Shorten text={usesOf(node)} most={60} />
      </code>
    </li>
  );
}
