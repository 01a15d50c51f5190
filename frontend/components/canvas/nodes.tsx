// The three kinds of nodes on the canvas. A node draws itself again when its own part of the document, its own run, its own
// problems or its own estimate changes, and never otherwise.
"use client";
import { Handle, type NodeProps, Position } from "@xyflow/react";
import {
  Bot,
  Braces,
  CircleAlert,
  Code,
  Database,
  Globe,
  ScanText,
  Search,
  Split,
  TextQuote,
  TriangleAlert,
} from "lucide-react";
import { memo, type ReactNode } from "react";
import { cx } from "@/components/ui/cx";
import { Shorten } from "@/components/ui/shorten";
import { useKeyed } from "@/hooks/use-keyed";
import type { WorkflowNode } from "@/lib/api/types";
import { kindLabel } from "@/lib/builder/catalog";
import { casesOf } from "@/lib/builder/graph";
import { CASE_HEIGHT, caseOffset, FOOT_HEIGHT, HEAD_HEIGHT } from "@/lib/builder/size";
import { nameOf, usesOf } from "@/lib/nodes";
import { caseHandle, type FlowNode, HANDLE } from "./elements";
import { useFacts } from "./facts";
import { Foot, Writing } from "./foot";

const ICONS: Record<string, typeof Bot> = {
  agent: Bot,
  conditional: Split,
  http_request: Globe,
  python: Code,
  template: TextQuote,
  memory_recall: Search,
  memory_store: Database,
  scraper: ScanText,
};

const TILES = {
  agent: "bg-indigo-100 text-indigo-800 dark:bg-indigo-400/15 dark:text-indigo-300",
  tool: "bg-teal-100 text-teal-900 dark:bg-teal-400/15 dark:text-teal-300",
  conditional: "bg-amber-100 text-amber-900 dark:bg-amber-400/15 dark:text-amber-300",
};

export function KindIcon({ node, size = 15 }: { node: Pick<WorkflowNode, "type" | "config">; size?: number }) {
  const Icon = ICONS[node.type === "tool" ? String(node.config.tool) : node.type] ?? Braces;
  return <Icon aria-hidden size={size} />;
}

export function KindTile({ node, small = false }: { node: Pick<WorkflowNode, "type" | "config">; small?: boolean }) {
  return (
    <span
      className={cx(
        "inline-flex shrink-0 items-center justify-center rounded-md",
        small ? "size-6" : "size-8",
        TILES[node.type],
      )}
    >
      <KindIcon node={node} size={small ? 13 : 16} />
    </span>
  );
}

const DOT = "!size-3 !rounded-full !border-2 !border-(--surface) !bg-(--control) hover:!bg-(--accent)";

function Frame({
  id,
  selected,
  data,
  children,
}: Pick<NodeProps<FlowNode>, "id" | "selected" | "data"> & { children: ReactNode }) {
  const { views, findings, editable } = useFacts();
  const { node, attached, current } = data;
  const view = useKeyed(views, id);
  const state = view?.run;
  const found = useKeyed(findings, id);
  const look = state?.status ?? "none";
  return (
    <div
      data-id={id}
      data-status={look}
      className={cx(
        "nx-node group relative h-full w-full rounded-lg border bg-surface text-left shadow-card",
        selected ? "border-accent ring-2 ring-(--accent)/35" : "border-line-strong",
        current && "outline-2 outline-offset-3 outline-(--focus)",
        state?.status === "running" && "border-blue-500 dark:border-blue-400",
        state?.status === "failed" && "border-red-500 dark:border-red-400",
        (state?.status === "skipped" || attached) && "border-dashed",
      )}
    >
      <Handle
        id={HANDLE.in}
        type="target"
        position={Position.Left}
        className={DOT}
        style={{ top: HEAD_HEIGHT / 2 }}
        isConnectable={editable && !attached}
      />
      <div className="flex items-center gap-2.5 px-3" style={{ height: HEAD_HEIGHT }}>
        <KindTile node={node} />
        <div className="min-w-0 flex-1">
          <div className="nx-name truncate text-sm font-medium">
            <Shorten text={nameOf(node, id)} most={120} />
          </div>
          <div className="nx-detail truncate text-xs text-mute">
            <Shorten text={node.type === "agent" ? usesOf(node) : kindLabel(node.type, node.config)} most={80} />
          </div>
        </div>
      </div>
      {children}
      <div className="nx-foot absolute inset-x-0 bottom-0 border-t px-3" style={{ height: FOOT_HEIGHT }}>
        <Foot id={id} node={node} attached={attached} tools={data.tools} view={view} />
      </div>
      {found && found.findings.length > 0 && <Badge errors={found.errors} warnings={found.warnings} />}
      {state && <Writing run={state} />}
    </div>
  );
}

function Badge({ errors, warnings }: { errors: number; warnings: number }) {
  const Icon = errors > 0 ? CircleAlert : TriangleAlert;
  return (
    <span
      title={errors > 0 ? `${errors} to mend` : `${warnings} worth knowing`}
      className={cx(
        "absolute -top-2.5 -right-2 inline-flex h-5 items-center gap-1 rounded-full border px-1.5 text-xs font-medium",
        errors > 0
          ? "border-red-300 bg-red-50 text-red-800 dark:border-red-500/60 dark:bg-[#3a1614] dark:text-red-200"
          : "border-amber-300 bg-amber-50 text-amber-900 dark:border-amber-500/60 dark:bg-[#332609] dark:text-amber-200",
      )}
    >
      <Icon aria-hidden size={11} />
      <span className="nums">{errors > 0 ? errors : warnings}</span>
    </span>
  );
}

export const AgentNode = memo(function AgentNode({ id, selected, data }: NodeProps<FlowNode>) {
  const { editable } = useFacts();
  return (
    <Frame id={id} selected={selected} data={data}>
      <Handle
        id={HANDLE.out}
        type="source"
        position={Position.Right}
        className={DOT}
        style={{ top: HEAD_HEIGHT / 2 }}
        isConnectable={editable}
      />
      <Handle
        id={HANDLE.tools}
        type="target"
        position={Position.Bottom}
        className={cx(DOT, "!rounded-sm")}
        isConnectable={editable}
      />
    </Frame>
  );
});

export const ToolNode = memo(function ToolNode({ id, selected, data }: NodeProps<FlowNode>) {
  const { editable } = useFacts();
  return (
    <Frame id={id} selected={selected} data={data}>
      <Handle
        id={HANDLE.out}
        type="source"
        position={Position.Right}
        className={DOT}
        style={{ top: HEAD_HEIGHT / 2 }}
        isConnectable={editable && !data.attached}
      />
      <Handle
        id={HANDLE.attach}
        type="source"
        position={Position.Top}
        className={cx(DOT, "!rounded-sm")}
        isConnectable={editable}
      />
    </Frame>
  );
});

export const ConditionalNode = memo(function ConditionalNode({ id, selected, data }: NodeProps<FlowNode>) {
  const { views, editable } = useFacts();
  const state = useKeyed(views, id)?.run;
  const output = state?.output;
  const taken =
    state?.status === "succeeded" && typeof output === "object" && output !== null && !Array.isArray(output)
      ? output.handle
      : undefined;
  const names = casesOf(data.node);
  return (
    <Frame id={id} selected={selected} data={data}>
      {names.map((name, index) => (
        <div
          key={name}
          className={cx(
            "nx-detail flex items-center justify-end gap-2 border-t pr-4 pl-3 text-xs",
            taken === name ? "font-medium text-ink" : taken === undefined ? "text-ink-2" : "text-mute",
          )}
          style={{ height: CASE_HEIGHT }}
        >
          {taken === name && <span className="text-green-700 dark:text-green-300">taken</span>}
          {index === names.length - 1 && <span className="text-mute">else</span>}
          <code className="truncate font-mono">
            <Shorten text={name} most={40} />
          </code>
        </div>
      ))}
      {names.map((name, index) => (
        <Handle
          key={name}
          id={caseHandle(name)}
          type="source"
          position={Position.Right}
          className={DOT}
          style={{ top: caseOffset(index) }}
          isConnectable={editable}
        />
      ))}
    </Frame>
  );
});

/** At module level: React Flow mounts everything anew when this object changes. */
export const NODE_TYPES = { agent: AgentNode, tool: ToolNode, conditional: ConditionalNode };
