// A document as React Flow's nodes and edges. What did not change keeps its identity, so that nothing is drawn twice.
// Sizes and handles are given, so that nothing has to be measured first.
import { type Edge, type Node, type NodeHandle, Position } from "@xyflow/react";
import type { WorkflowDocument, WorkflowEdge, WorkflowNode } from "@/lib/api/types";
import { attachedIds, casesOf, isAttachment, TOOLS } from "@/lib/builder/graph";
import type { Point } from "@/lib/builder/ops";
import { caseOffset, HEAD_HEIGHT, sizeOf } from "@/lib/builder/size";

export interface NodeData extends Record<string, unknown> {
  node: WorkflowNode;
  /** Attached to an agent, so no step. */
  attached: boolean;
  /** How many tools are attached to it. */
  tools: number;
  current: boolean;
}

export type FlowNode = Node<NodeData>;
export type FlowEdge = Edge<{ edge: WorkflowEdge; attachment: boolean }>;

export const HANDLE = { in: "in", tools: TOOLS, out: "out", attach: "attach" } as const;
export const caseHandle = (name: string) => `case:${name}`;

/** The document's name of a way out, from the canvas's. */
export function sourceHandleOf(handle: string | null | undefined): string | null {
  return handle?.startsWith("case:") ? handle.slice("case:".length) : null;
}

const SPOT = { width: 12, height: 12 };

function handlesOf(node: WorkflowNode): NodeHandle[] {
  const { width, height } = sizeOf(node);
  const left = {
    id: HANDLE.in,
    type: "target" as const,
    position: Position.Left,
    x: -6,
    y: HEAD_HEIGHT / 2 - 6,
    ...SPOT,
  };
  const right = (id: string, y: number): NodeHandle => ({
    id,
    type: "source",
    position: Position.Right,
    x: width - 6,
    y: y - 6,
    ...SPOT,
  });
  if (node.type === "conditional") {
    return [left, ...casesOf(node).map((name, index) => right(caseHandle(name), caseOffset(index)))];
  }
  if (node.type === "agent") {
    const below: NodeHandle = {
      id: HANDLE.tools,
      type: "target",
      position: Position.Bottom,
      x: width / 2 - 6,
      y: height - 6,
      ...SPOT,
    };
    return [left, right(HANDLE.out, HEAD_HEIGHT / 2), below];
  }
  const above: NodeHandle = {
    id: HANDLE.attach,
    type: "source",
    position: Position.Top,
    x: width / 2 - 6,
    y: -6,
    ...SPOT,
  };
  return [left, right(HANDLE.out, HEAD_HEIGHT / 2), above];
}

interface Cached {
  node: WorkflowNode;
  attached: boolean;
  tools: number;
  selected: boolean;
  current: boolean;
  position: Point | undefined;
  flow: FlowNode;
}

const ORIGIN = { x: 0, y: 0 };

export class Elements {
  private nodeCache = new Map<string, Cached>();
  private edgeCache = new Map<WorkflowEdge, FlowEdge>();

  /** `places`: where nodes are while they are dragged, and where the layout puts those without a place. */
  nodes(
    document: WorkflowDocument,
    selectedNodes: ReadonlySet<string>,
    current: string | null,
    places: ReadonlyMap<string, Point>,
  ): FlowNode[] {
    const attached = attachedIds(document);
    const tools = new Map<string, number>();
    for (const edge of document.graph.edges) {
      if (isAttachment(edge)) tools.set(edge.target, (tools.get(edge.target) ?? 0) + 1);
    }
    const next = new Map<string, Cached>();
    const nodes = document.graph.nodes.map((node) => {
      const wanted = {
        node,
        attached: attached.has(node.id),
        tools: tools.get(node.id) ?? 0,
        selected: selectedNodes.has(node.id),
        current: current === node.id,
        position: places.get(node.id),
      };
      const known = this.nodeCache.get(node.id);
      const entry = known && isSame(known, wanted) ? known : { ...wanted, flow: flowNode(wanted, known?.flow) };
      next.set(node.id, entry);
      return entry.flow;
    });
    this.nodeCache = next;
    return nodes;
  }

  edges(document: WorkflowDocument, selectedEdges: ReadonlySet<string>): FlowEdge[] {
    const next = new Map<WorkflowEdge, FlowEdge>();
    const nodes = new Set(document.graph.nodes.map((node) => node.id));
    const edges = document.graph.edges.flatMap((edge) => {
      if (!nodes.has(edge.source) || !nodes.has(edge.target)) return [];
      const selected = selectedEdges.has(edge.id ?? "");
      const known = this.edgeCache.get(edge);
      const flow = known && Boolean(known.selected) === selected ? known : flowEdge(edge, selected);
      next.set(edge, flow);
      return [flow];
    });
    this.edgeCache = next;
    return edges;
  }
}

function isSame(a: Cached, b: Omit<Cached, "flow">): boolean {
  return (
    a.node === b.node &&
    a.attached === b.attached &&
    a.tools === b.tools &&
    a.selected === b.selected &&
    a.current === b.current &&
    a.position === b.position
  );
}

function flowNode(from: Omit<Cached, "flow">, before: FlowNode | undefined): FlowNode {
  const { node, attached, tools, selected, current } = from;
  const size = sizeOf(node);
  const data = before?.data;
  const same =
    data && data.node === node && data.attached === attached && data.tools === tools && data.current === current;
  return {
    id: node.id,
    type: node.type,
    position: from.position ?? node.position ?? ORIGIN,
    data: same ? data : { node, attached, tools, current },
    selected,
    ...size,
    measured: size,
    handles: handlesOf(node),
  };
}

function flowEdge(edge: WorkflowEdge, selected: boolean): FlowEdge {
  const attachment = isAttachment(edge);
  return {
    id: edge.id ?? `${edge.source} ${edge.target}`,
    type: "edge",
    source: edge.source,
    target: edge.target,
    sourceHandle: attachment
      ? HANDLE.attach
      : edge.source_handle === undefined
        ? HANDLE.out
        : caseHandle(edge.source_handle),
    targetHandle: attachment ? HANDLE.tools : HANDLE.in,
    selected,
    data: { edge, attachment },
  };
}
