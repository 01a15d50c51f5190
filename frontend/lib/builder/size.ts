// How large nodes are drawn and where their handles sit. Fixed, and known without a browser, so that the canvas can draw
// edges of nodes that are not on the page. Not here: the drawing.
import type { WorkflowNode } from "../api/types";
import { casesOf } from "./graph";

export const NODE_WIDTH = 248;
export const HEAD_HEIGHT = 64;
export const CASE_HEIGHT = 26;
export const FOOT_HEIGHT = 28;
/** What positions snap to. */
export const GRID = 16;

export interface Size {
  width: number;
  height: number;
}

export function sizeOf(node: WorkflowNode): Size {
  const cases = node.type === "conditional" ? casesOf(node).length * CASE_HEIGHT : 0;
  return { width: NODE_WIDTH, height: HEAD_HEIGHT + cases + FOOT_HEIGHT };
}

/** How far below a node's top edge a conditional's case leaves it. */
export function caseOffset(index: number): number {
  return HEAD_HEIGHT + index * CASE_HEIGHT + CASE_HEIGHT / 2;
}
