// Right of the canvas: the properties of what is selected: one node, several, a connection, or the workflow itself.
"use client";
import dynamic from "next/dynamic";
import { useEffect, useMemo } from "react";
import { KindTile } from "@/components/canvas/nodes";
import { Shorten } from "@/components/ui/shorten";
import { SkeletonRows } from "@/components/ui/skeleton";
import { Tabs } from "@/components/ui/tabs";
import { useLater } from "@/hooks/use-later";
import { useObservable } from "@/hooks/use-observable";
import { kindLabel } from "@/lib/builder/catalog";
import { attachedIds } from "@/lib/builder/graph";
import type { Finding } from "@/lib/builder/problems";
import { nameOf } from "@/lib/nodes";
import { useEditor, useSession } from "../context";
import type { LastRun } from "./last-run";

const loading = () => <SkeletonRows rows={4} />;
const NodeForm = dynamic(() => import("./node-form").then((module) => module.NodeForm), { ssr: false, loading });
const NodeData = dynamic(() => import("./node-data").then((module) => module.NodeData), { ssr: false, loading });
const WorkflowForm = dynamic(() => import("./workflow-form").then((module) => module.WorkflowForm), {
  ssr: false,
  loading,
});
const ManyPanel = dynamic(() => import("./others").then((module) => module.ManyPanel), { ssr: false, loading });
const EdgePanel = dynamic(() => import("./others").then((module) => module.EdgePanel), { ssr: false, loading });

export interface PanelProps {
  findings: readonly Finding[];
  last: LastRun;
}

export function Panel({ findings, last }: PanelProps) {
  const session = useSession();
  const view = useObservable(session.view);
  const document = useEditor((state) => state.document);
  const selection = useEditor((state) => state.selection);
  const current = useEditor((state) => state.current);
  const later = useLater();
  useEffect(() => {
    if (!later) return;
    for (const part of [() => import("./node-form"), () => import("./node-data"), () => import("./others")]) {
      void part().catch(() => {});
    }
  }, [later]);
  const attached = useMemo(() => attachedIds(document), [document]);
  const node = document.graph.nodes.find((one) => one.id === current);
  const edge =
    selection.nodes.size === 0 && selection.edges.size === 1
      ? document.graph.edges.find((one) => selection.edges.has(one.id ?? ""))
      : undefined;

  return (
    <aside aria-label="Properties" className="flex w-76 shrink-0 flex-col border-l bg-surface min-[1440px]:w-88">
      {selection.nodes.size > 1 ? (
        <ManyPanel />
      ) : edge ? (
        <EdgePanel edge={edge} />
      ) : node ? (
        <>
          <header className="flex items-center gap-2.5 px-3.5 pt-3 pb-2">
            <KindTile node={node} />
            <div className="min-w-0 flex-1">
              <h2 className="truncate text-sm font-semibold">
                <Shorten text={nameOf(node, node.id)} most={120} />
              </h2>
              <p className="truncate text-xs text-mute">
                {kindLabel(node.type, node.config)}
                {attached.has(node.id) && ", attached to an agent"}
              </p>
            </div>
          </header>
          <Tabs
            label={`Properties of ${node.id}`}
            className="min-h-0 flex-1"
            value={view.panel}
            onChange={(panel) => session.look({ panel })}
            tabs={[
              { key: "settings", label: "Settings" },
              { key: "input", label: "Input" },
              { key: "output", label: "Output" },
            ]}
          >
            {view.panel === "settings" ? (
              <NodeForm
                key={node.id}
                node={node}
                attached={attached.has(node.id)}
                findings={findings.filter((finding) => finding.node === node.id)}
                last={last}
                jump={view.field?.node === node.id ? view.field : null}
              />
            ) : (
              <NodeData node={node} which={view.panel} last={last} />
            )}
          </Tabs>
        </>
      ) : !later ? (
        loading()
      ) : (
        <WorkflowForm findings={findings.filter((finding) => finding.node === null)} />
      )}
    </aside>
  );
}
