// The builder as tests handle it: nodes and their handles, fields, what the server has.
import type { Locator, Page } from "playwright-core";
import type { Nexus } from "./nexus";

export interface Stored {
  id: string;
  version: number;
  name: string;
  valid?: boolean;
  graph: {
    nodes: {
      id: string;
      type: string;
      name?: string;
      config: Record<string, unknown>;
      position?: { x: number; y: number };
    }[];
    edges: { source: string; target: string; source_handle?: string; target_handle?: string }[];
  };
}

export const flowNode = (page: Page, id: string): Locator => page.locator(`.react-flow__node[data-id="${id}"]`);

/** One of a node's handles: `in`, `out`, `case:yes`, `tools`, `attach`. */
export const handle = (page: Page, id: string, name: string): Locator =>
  page.locator(`.react-flow__handle[data-nodeid="${id}"][data-handleid="${name}"]`);

export const canvas = (page: Page): Locator => page.getByRole("application", { name: /^Canvas/ });
export const panel = (page: Page): Locator => page.getByRole("complementary", { name: "Properties" });

/** Whatever was changed has reached the server. */
export async function saved(page: Page): Promise<void> {
  await page.locator('[data-save="saved"]').waitFor();
}

export async function opened(page: Page, nodes: number): Promise<void> {
  await page.locator(`.nx-flow[data-nodes="${nodes}"]`).waitFor();
}

/** Drags from the middle of one thing to the middle of another, or to a place. */
export async function drag(page: Page, from: Locator, to: Locator | { x: number; y: number }): Promise<void> {
  const a = await from.boundingBox();
  const b = "x" in to ? { ...to, width: 0, height: 0 } : await to.boundingBox();
  if (!a || !b) throw new Error("nothing to drag");
  await page.mouse.move(a.x + a.width / 2, a.y + a.height / 2);
  await page.mouse.down();
  await page.mouse.move(a.x + a.width / 2 + 8, a.y + a.height / 2 + 8, { steps: 2 });
  await page.mouse.move(b.x + b.width / 2, b.y + b.height / 2, { steps: 8 });
  await page.mouse.up();
}

/** The field of the properties panel with this label. */
export const field = (page: Page, label: string): Locator => panel(page).getByLabel(label, { exact: true });

/** Replaces what is in a code editor or a field. */
export async function write(page: Page, label: string, text: string): Promise<void> {
  const target = field(page, label).first();
  await target.click();
  await page.keyboard.press("ControlOrMeta+A");
  await page.keyboard.insertText(text);
}

export function workflowId(page: Page): string {
  return new URL(page.url()).pathname.split("/")[2] ?? "";
}

export async function stored(nexus: Nexus, page: Page): Promise<Stored> {
  return nexus.api<Stored>("GET", `/workflows/${workflowId(page)}`);
}

/** A workflow of many small nodes, as wide as it is deep, valid and free of cost. */
export function largeWorkflow(name: string, count: number): object {
  const nodes = Array.from({ length: count }, (_, index) => ({
    id: `n${index}`,
    type: "tool",
    name: `Node ${index}`,
    config: {
      tool: "template",
      template: index === 0 ? "start" : `after {{ nodes.n${Math.floor((index - 1) / 3)}.output.text }}`,
    },
  }));
  const edges = nodes.slice(1).map((node, index) => ({
    id: `e${index}`,
    source: `n${Math.floor(index / 3)}`,
    target: node.id,
  }));
  return { schema_version: 1, name, graph: { nodes, edges } };
}
