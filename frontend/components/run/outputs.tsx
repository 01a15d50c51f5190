// What the run produced, once there is something.
"use client";
import { Card } from "@/components/ui/card";
import { Shorten, shorten } from "@/components/ui/shorten";
import { ValueView } from "@/components/ui/value";
import type { ExecutionStatus, WorkflowNode } from "@/lib/api/types";
import { nameOf } from "@/lib/nodes";
import type { RunState } from "@/lib/run/state";
import { isTerminal } from "@/lib/status";

export interface OutputsProps {
  run: RunState;
  status: ExecutionStatus;
  nodes: ReadonlyMap<string, WorkflowNode>;
}

export function Outputs({ run, status, nodes }: OutputsProps) {
  const entries = Object.entries(run.outputs);
  if (!isTerminal(status)) return null;
  if (entries.length === 0) {
    return status === "succeeded" ? (
      <Card title="Outputs">
        <p className="text-mute">This run has no outputs: no node without successors succeeded.</p>
      </Card>
    ) : null;
  }
  return (
    <Card title="Outputs" note={status === "succeeded" ? undefined : "what was finished before the run ended"}>
      <div className="space-y-4">
        {entries.map(([id, output]) => (
          <div key={id}>
            <h3 className="mb-1.5 text-xs font-medium text-ink-2">
              <Shorten text={nameOf(nodes.get(id), id)} most={120} />
            </h3>
            <ValueView value={output} label={`Output of ${shorten(nameOf(nodes.get(id), id), 100)}`} tall />
          </div>
        ))}
      </div>
    </Card>
  );
}
