// Moving several nodes at once: aligned, spread evenly, or by an arrow key; and which node lies in a direction.
import type { WorkflowDocument, WorkflowNode } from "../api/types";
import type { Point } from "./ops";
import { sizeOf } from "./size";

export type Alignment = "left" | "center" | "right" | "top" | "middle" | "bottom";
export type Direction = "left" | "right" | "up" | "down";

const at = (node: WorkflowNode): Point => node.position ?? { x: 0, y: 0 };

function chosen(document: WorkflowDocument, ids: ReadonlySet<string>): WorkflowNode[] {
  return document.graph.nodes.filter((node) => ids.has(node.id));
}

export function align(document: WorkflowDocument, ids: ReadonlySet<string>, alignment: Alignment): Map<string, Point> {
  const nodes = chosen(document, ids);
  if (nodes.length < 2) return new Map();
  const boxes = nodes.map((node) => ({ node, ...at(node), ...sizeOf(node) }));
  const left = Math.min(...boxes.map((box) => box.x));
  const right = Math.max(...boxes.map((box) => box.x + box.width));
  const top = Math.min(...boxes.map((box) => box.y));
  const bottom = Math.max(...boxes.map((box) => box.y + box.height));
  return new Map(
    boxes.map(({ node, x, y, width, height }) => {
      switch (alignment) {
        case "left":
          return [node.id, { x: left, y }];
        case "right":
          return [node.id, { x: right - width, y }];
        case "center":
          return [node.id, { x: (left + right - width) / 2, y }];
        case "top":
          return [node.id, { x, y: top }];
        case "bottom":
          return [node.id, { x, y: bottom - height }];
        default:
          return [node.id, { x, y: (top + bottom - height) / 2 }];
      }
    }),
  );
}

/** The same gap between neighbours; the outermost two stay. */
export function distribute(document: WorkflowDocument, ids: ReadonlySet<string>, axis: "x" | "y"): Map<string, Point> {
  const side = axis === "x" ? "width" : "height";
  const nodes = chosen(document, ids).sort((a, b) => at(a)[axis] - at(b)[axis]);
  const first = nodes[0];
  const last = nodes.at(-1);
  if (nodes.length < 3 || !first || !last) return new Map();
  const filled = nodes.reduce((sum, node) => sum + sizeOf(node)[side], 0);
  const gap = (at(last)[axis] + sizeOf(last)[side] - at(first)[axis] - filled) / (nodes.length - 1);
  let next = at(first)[axis];
  return new Map(
    nodes.map((node) => {
      const place = { ...at(node), [axis]: next };
      next += sizeOf(node)[side] + gap;
      return [node.id, place];
    }),
  );
}

export function nudge(
  document: WorkflowDocument,
  ids: ReadonlySet<string>,
  direction: Direction,
  by: number,
): Map<string, Point> {
  const x = direction === "left" ? -by : direction === "right" ? by : 0;
  const y = direction === "up" ? -by : direction === "down" ? by : 0;
  return new Map(chosen(document, ids).map((node) => [node.id, { x: at(node).x + x, y: at(node).y + y }]));
}

/** The node to walk to: along an edge to the right and left, to the nearest one above and below. */
export function walk(document: WorkflowDocument, from: string | null, direction: Direction): string | null {
  const nodes = document.graph.nodes;
  const start = nodes.find((node) => node.id === from);
  if (!start) return [...nodes].sort((a, b) => at(a).x - at(b).x || at(a).y - at(b).y)[0]?.id ?? null;
  const here = middleOf(start);
  if (direction === "left" || direction === "right") {
    const linked = document.graph.edges.flatMap((edge) => {
      if (direction === "right") return edge.source === start.id ? [edge.target] : [];
      return edge.target === start.id ? [edge.source] : [];
    });
    const near = nearest(
      nodes.filter((node) => linked.includes(node.id)),
      here,
      () => true,
    );
    if (near) return near;
  }
  return nearest(nodes, here, (there) => {
    const dx = there.x - here.x;
    const dy = there.y - here.y;
    switch (direction) {
      case "left":
        return dx < -8 && Math.abs(dy) <= Math.abs(dx) * 2;
      case "right":
        return dx > 8 && Math.abs(dy) <= Math.abs(dx) * 2;
      case "up":
        return dy < -8 && Math.abs(dx) <= Math.abs(dy) * 2;
      default:
        return dy > 8 && Math.abs(dx) <= Math.abs(dy) * 2;
    }
  });
}

function middleOf(node: WorkflowNode): Point {
  const { width, height } = sizeOf(node);
  return { x: at(node).x + width / 2, y: at(node).y + height / 2 };
}

function nearest(nodes: readonly WorkflowNode[], here: Point, fits: (there: Point) => boolean): string | null {
  let best: string | null = null;
  let least = Number.POSITIVE_INFINITY;
  for (const node of nodes) {
    const there = middleOf(node);
    const distance = (there.x - here.x) ** 2 + (there.y - here.y) ** 2;
    if (distance === 0 || !fits(there) || distance >= least) continue;
    best = node.id;
    least = distance;
  }
  return best;
}

/** A free place for a new node near a wanted one. */
export function freePlace(document: WorkflowDocument, wanted: Point): Point {
  const place = { ...wanted };
  for (let tries = 0; tries < 200; tries += 1) {
    const taken = document.graph.nodes.some((node) => {
      const other = at(node);
      const { width, height } = sizeOf(node);
      return Math.abs(other.x - place.x) < width + 8 && Math.abs(other.y - place.y) < height + 8;
    });
    if (!taken) return place;
    place.y += 32;
  }
  return place;
}
