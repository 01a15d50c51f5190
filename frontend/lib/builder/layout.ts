// Auto-layout: a layered drawing from left to right. Layers by longest path, order within a layer by the middle of the
// neighbours (a few sweeps), positions without overlap, tools under their agents. Linear enough for thousands of nodes.
import type { WorkflowDocument, WorkflowNode } from "../api/types";
import { isAttachment, orderOf } from "./graph";
import type { Point } from "./ops";
import { NODE_WIDTH, sizeOf } from "./size";

const COLUMN_GAP = 88;
const ROW_GAP = 40;
const TOOL_GAP = 56;
const SWEEPS = 6;

interface Item {
  node: WorkflowNode;
  layer: number;
  width: number;
  /** With its tools below. */
  height: number;
  tools: WorkflowNode[];
  before: Item[];
  after: Item[];
  place: number;
  y: number;
}

function itemsOf(document: WorkflowDocument): Item[] {
  const byId = new Map(document.graph.nodes.map((node) => [node.id, node]));
  const host = new Map<string, string>();
  for (const edge of document.graph.edges) {
    if (isAttachment(edge) && byId.has(edge.source) && byId.has(edge.target) && !host.has(edge.source)) {
      host.set(edge.source, edge.target);
    }
  }
  const items = new Map<string, Item>();
  for (const node of document.graph.nodes) {
    if (host.has(node.id)) continue;
    const { width, height } = sizeOf(node);
    items.set(node.id, { node, layer: 0, width, height, tools: [], before: [], after: [], place: 0, y: 0 });
  }
  for (const [tool, agent] of host) {
    const item = items.get(agent);
    const node = byId.get(tool);
    if (item && node) item.tools.push(node);
  }
  for (const item of items.values()) {
    if (item.tools.length === 0) continue;
    const row = Math.max(...item.tools.map((tool) => sizeOf(tool).height));
    item.height += TOOL_GAP + row;
    item.width = Math.max(item.width, item.tools.length * (NODE_WIDTH + ROW_GAP) - ROW_GAP);
  }
  const place = new Map(orderOf(document).map((id, index) => [id, index]));
  for (const edge of document.graph.edges) {
    const from = items.get(edge.source);
    const to = items.get(edge.target);
    // an edge against the order closes a circle: it is drawn, but does not count
    if (!from || !to || isAttachment(edge) || (place.get(edge.source) ?? 0) >= (place.get(edge.target) ?? 0)) continue;
    from.after.push(to);
    to.before.push(from);
  }
  return [...items.values()].sort((a, b) => (place.get(a.node.id) ?? 0) - (place.get(b.node.id) ?? 0));
}

const middle = (item: Item) => item.y + sizeOf(item.node).height / 2;

function sorted(layer: Item[], neighbours: (item: Item) => Item[], value: (item: Item) => number): void {
  const wish = new Map<Item, number>();
  for (const item of layer) {
    const near = neighbours(item);
    wish.set(item, near.length === 0 ? value(item) : near.reduce((sum, one) => sum + value(one), 0) / near.length);
  }
  layer.sort((a, b) => (wish.get(a) ?? 0) - (wish.get(b) ?? 0) || a.place - b.place);
  for (const [index, item] of layer.entries()) item.place = index;
}

/** Puts items where they want to be, moved apart until none overlap. */
function spread(layer: Item[], wish: (item: Item) => number): void {
  const wishes = layer.map(wish);
  let end = Number.NEGATIVE_INFINITY;
  for (const [index, item] of layer.entries()) {
    item.y = Math.max(wishes[index] ?? 0, end);
    end = item.y + item.height + ROW_GAP;
  }
  // what was pushed down together is moved back up by what it is off on average
  let start = 0;
  while (start < layer.length) {
    let stop = start + 1;
    while (stop < layer.length && gapBefore(layer, stop) < 1) stop += 1;
    const block = layer.slice(start, stop);
    const off =
      block.reduce((sum, item, index) => sum + (item.y - (wishes[start + index] ?? 0)), 0) / Math.max(1, block.length);
    const above = start === 0 ? Number.POSITIVE_INFINITY : gapBefore(layer, start);
    const shift = Math.min(off, above);
    for (const item of block) item.y -= shift;
    start = stop;
  }
}

function gapBefore(layer: Item[], index: number): number {
  const item = layer[index];
  const above = layer[index - 1];
  return item && above ? item.y - (above.y + above.height + ROW_GAP) : Number.POSITIVE_INFINITY;
}

/** Positions for every node. The same graph always gets the same drawing. */
export function layout(document: WorkflowDocument): Map<string, Point> {
  const items = itemsOf(document);
  for (const item of items) {
    item.layer = item.before.reduce((most, one) => Math.max(most, one.layer + 1), 0);
  }
  const layers: Item[][] = [];
  for (const item of items) {
    while (layers.length <= item.layer) layers.push([]);
    const layer = layers[item.layer] as Item[];
    item.place = layer.length;
    layer.push(item);
  }
  for (let sweep = 0; sweep < SWEEPS; sweep += 1) {
    const down = sweep % 2 === 0;
    for (const layer of down ? layers : [...layers].reverse()) {
      sorted(
        layer,
        (item) => (down ? item.before : item.after),
        (item) => item.place,
      );
    }
  }
  for (const layer of layers) spread(layer, () => 0);
  for (let sweep = 0; sweep < SWEEPS; sweep += 1) {
    const down = sweep % 2 === 0;
    for (const layer of down ? layers : [...layers].reverse()) {
      spread(layer, (item) => {
        const near = down ? item.before : item.after;
        if (near.length === 0) return item.y;
        return near.reduce((sum, one) => sum + middle(one), 0) / near.length - sizeOf(item.node).height / 2;
      });
    }
  }
  const positions = new Map<string, Point>();
  let x = 0;
  const top = Math.min(0, ...items.map((item) => item.y));
  for (const layer of layers) {
    const width = Math.max(...layer.map((item) => item.width));
    for (const item of layer) {
      const y = Math.round(item.y - top);
      positions.set(item.node.id, { x, y });
      for (const [index, tool] of item.tools.entries()) {
        positions.set(tool.id, { x: x + index * (NODE_WIDTH + ROW_GAP), y: y + sizeOf(item.node).height + TOOL_GAP });
      }
    }
    x += width + COLUMN_GAP;
  }
  return positions;
}

/** Positions for nodes that have none: the layout's, moved clear of what is placed already. */
export function missingPositions(document: WorkflowDocument): Map<string, Point> {
  const missing = document.graph.nodes.filter((node) => !node.position);
  if (missing.length === 0) return new Map();
  const all = layout(document);
  if (missing.length === document.graph.nodes.length) return all;
  const bottom = Math.max(
    ...document.graph.nodes.map((node) => (node.position ? node.position.y + sizeOf(node).height : 0)),
  );
  return new Map(
    missing.map((node) => {
      const { x, y } = all.get(node.id) ?? { x: 0, y: 0 };
      return [node.id, { x, y: y + bottom + ROW_GAP }];
    }),
  );
}
