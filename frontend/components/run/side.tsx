// Beside the timeline: everything about the chosen node, what it is writing right now, and the way to repeat it.
"use client";
import { RotateCw } from "lucide-react";
import { useEffect, useRef } from "react";
import { Button } from "@/components/ui/button";
import { Card } from "@/components/ui/card";
import { ScrollBox } from "@/components/ui/scroll-box";
import { Shorten, shorten } from "@/components/ui/shorten";
import { NodeBadge } from "@/components/ui/status";
import type { ExecutionStatus, WorkflowNode } from "@/lib/api/types";
import { nameOf } from "@/lib/nodes";
import { lookOf, type NodeRun } from "@/lib/run/state";
import { isTerminal } from "@/lib/status";
import { NodeDetails } from "./node-details";

export interface SideProps {
  node: NodeRun | undefined;
  spec: WorkflowNode | undefined;
  status: ExecutionStatus;
  onResumeFrom: ((id: string) => void) | null;
}

export function Side({ node, spec, status, onResumeFrom }: SideProps) {
  if (!node) {
    return (
      <Card title="Node">
        <p className="text-mute">Choose a node to see its attempts, prompt and output.</p>
      </Card>
    );
  }
  const name = nameOf(spec, node.id);
  const again = onResumeFrom !== null && isTerminal(status) && node.attempts.length > 0;
  return (
    <Card
      title={<Shorten text={name} most={80} />}
      flush
      actions={
        <>
          {again && (
            <Button size="sm" icon={<RotateCw aria-hidden size={13} />} onClick={() => onResumeFrom(node.id)}>
              Resume from here
            </Button>
          )}
          <NodeBadge look={lookOf(node, status)} />
        </>
      }
    >
      {node.status === "running" && node.stream !== "" && <Stream text={node.stream} name={name} />}
      <NodeDetails node={node} name={name} />
    </Card>
  );
}

/** The answer while it is being written; stays at its end unless the reader scrolls up. */
function Stream({ text, name }: { text: string; name: string }) {
  const box = useRef<HTMLElement>(null);
  const stuck = useRef(true);

  // biome-ignore lint/correctness/useExhaustiveDependencies: it follows the text
  useEffect(() => {
    const element = box.current;
    if (element && stuck.current) element.scrollTop = element.scrollHeight;
  }, [text]);

  return (
    <ScrollBox
      ref={box}
      label={`${shorten(name, 80)} is writing`}
      onScroll={(event) => {
        const element = event.currentTarget;
        stuck.current = element.scrollHeight - element.scrollTop - element.clientHeight < 24;
      }}
      className="m-4 mb-1 max-h-48 overflow-y-auto border-l-2 border-blue-400 pl-3 wrap-anywhere whitespace-pre-wrap text-ink-2 dark:border-blue-500"
    >
      <bdi>{text}</bdi>
      <span aria-hidden className="breathing ml-0.5 inline-block h-3.5 w-1.5 translate-y-0.5 bg-blue-500" />
    </ScrollBox>
  );
}
