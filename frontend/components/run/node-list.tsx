// The nodes of a run in the order of the document.
"use client";
import { Card } from "@/components/ui/card";
import type { ExecutionStatus, WorkflowNode } from "@/lib/api/types";
import type { RunState } from "@/lib/run/state";
import { NodeItem } from "./node-item";

export interface NodeListProps {
  run: RunState;
  status: ExecutionStatus;
  nodes: ReadonlyMap<string, WorkflowNode>;
}

export function NodeList({ run, status, nodes }: NodeListProps) {
  return (
    <Card title="Nodes" flush>
      {run.order.length === 0 ? (
        <p className="p-4 text-mute">The run has not reached a node yet.</p>
      ) : (
        <ul className="divide-y">
          {run.order.map((id) => {
            const node = run.nodes.get(id);
            return node && <NodeItem key={id} node={node} spec={nodes.get(id)} run={status} />;
          })}
        </ul>
      )}
    </Card>
  );
}
