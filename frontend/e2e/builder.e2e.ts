// Drawing a workflow in a real browser: with the mouse, with the keyboard alone, and what must never be lost.
import type { Browser, Page } from "playwright-core";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { launch, open } from "./browser";
import {
  canvas,
  drag,
  field,
  flowNode,
  handle,
  largeWorkflow,
  opened,
  panel,
  saved,
  stored,
  workflowId,
  write,
} from "./builder-page";
import { Nexus } from "./nexus";

let browser: Browser;
let nexus: Nexus;

beforeAll(async () => {
  browser = await launch();
  nexus = await Nexus.start();
});

afterAll(async () => {
  await browser?.close();
  await nexus?.stop();
});

const picker = (page: Page, name: string | RegExp) => page.getByRole("combobox", { name });
const look = (page: Page, id: string, state: string) => flowNode(page, id).locator(`[data-node-look="${state}"]`);

/** What both ways of drawing must end in. */
async function expectTheFive(page: Page): Promise<void> {
  await saved(page);
  const { graph, valid } = await stored(nexus, page);
  expect(valid).not.toBe(false);
  expect(graph.nodes.map((node) => node.id).sort()).toEqual(["agent", "agent_2", "choice", "text", "text_2"]);
  expect(
    graph.edges
      .map((edge) => `${edge.source}${edge.source_handle ? `:${edge.source_handle}` : ""}>${edge.target}`)
      .sort(),
  ).toEqual(["agent>choice", "agent_2>text_2", "choice:no>agent_2", "choice:yes>text", "text>text_2"]);
}

async function watchItRun(page: Page): Promise<void> {
  for (const [id, state] of [
    ["agent", "succeeded"],
    ["choice", "succeeded"],
    ["text", "succeeded"],
    ["agent_2", "skipped"],
    ["text_2", "succeeded"],
  ] as const) {
    await look(page, id, state).waitFor();
  }
  await page.getByRole("region", { name: "Run on the canvas" }).getByText("Succeeded", { exact: true }).waitFor();
}

describe("five nodes from nothing", () => {
  test("with the mouse: drawn, saved, loaded again, run, watched to the end", async () => {
    const { page, faults, context } = await open(browser, nexus.base, { width: 1500 });
    await page.goto("/workflows/new");
    await page.getByRole("heading", { name: "An empty canvas" }).waitFor();
    const box = await canvas(page).boundingBox();
    if (!box) throw new Error("no canvas");

    // from the palette onto the canvas
    await page.getByRole("button", { name: /^Agent/ }).dragTo(canvas(page), { targetPosition: { x: 40, y: 250 } });
    await flowNode(page, "agent").waitFor();
    await page.waitForURL(/\/workflows\/[0-9a-f-]{36}$/);
    await write(page, "Prompt", "Say something about tides.");

    // a connection dropped on nothing offers what can follow
    await page.mouse.move(box.x + box.width / 2, box.y + box.height - 20);
    await drag(page, handle(page, "agent", "out"), { x: box.x + 390, y: box.y + 280 });
    await picker(page, "Add a node").fill("cond");
    await page.getByRole("option", { name: /Conditional/ }).click();
    await flowNode(page, "choice").waitFor();
    await write(page, "Condition of case 1", "size(nodes.agent.output.text) > 3");

    await drag(page, handle(page, "choice", "case:yes"), { x: box.x + 450, y: box.y + 90 });
    await page.getByRole("option", { name: /Template/ }).click();
    await flowNode(page, "text").waitFor();
    await write(page, "Text", "Long: {{ nodes.agent.output.text }}");

    await page.getByRole("button", { name: "Zoom to fit" }).click();
    await page.getByRole("button", { name: /^Agent/ }).dragTo(canvas(page), { targetPosition: { x: 430, y: 470 } });
    await flowNode(page, "agent_2").waitFor();
    await write(page, "Prompt", "Say more.");
    await page.getByRole("button", { name: /^Template/ }).click();
    await flowNode(page, "text_2").waitFor();
    await write(page, "Text", "The end.");

    await page.getByRole("button", { name: "Tidy up" }).click();
    await drag(page, handle(page, "choice", "case:no"), handle(page, "agent_2", "in"));
    await drag(page, handle(page, "text", "out"), handle(page, "text_2", "in"));
    await drag(page, handle(page, "agent_2", "out"), handle(page, "text_2", "in"));
    // what does not fit is not taken: a circle
    await drag(page, handle(page, "text_2", "out"), handle(page, "agent", "in"));
    await page.getByRole("button", { name: "valid", exact: true }).waitFor();
    await expectTheFive(page);

    await page.reload();
    await opened(page, 5);
    await page.getByRole("button", { name: "Run", exact: true }).click();
    await page.getByRole("dialog").getByRole("button", { name: "Run", exact: true }).click();
    await watchItRun(page);
    // a node shows what went in and came out
    await flowNode(page, "text").click();
    await page.getByRole("tab", { name: "Output" }).click();
    await panel(page).getByRole("region", { name: "Output" }).getByText("Long: ").waitFor();
    expect(faults).toEqual([]);
    await context.close();
  });

  test("with nothing but the keyboard", async () => {
    const { page, faults, context } = await open(browser, nexus.base, { width: 1500 });
    const press = (key: string) => page.keyboard.press(key);
    const type = (text: string) => page.keyboard.insertText(text);
    const heard = (text: string | RegExp) =>
      page.locator("[data-said]").filter({ hasText: text }).waitFor({ state: "attached" });
    async function add(kind: string): Promise<void> {
      await press("n");
      await picker(page, "Add a node").waitFor();
      await type(kind);
      await press("Enter");
      await picker(page, "Add a node").waitFor({ state: "detached" });
    }
    /** Opens the settings of the current node and goes to a field. */
    async function fill(label: string, text: string): Promise<void> {
      await press("Enter");
      await field(page, "Name").and(page.locator(":focus")).waitFor();
      for (let steps = 0; steps < 40; steps += 1) {
        const here = await page.evaluate(() => document.activeElement?.getAttribute("aria-label") ?? "");
        if (here === label) break;
        await press("Tab");
      }
      await field(page, label).and(page.locator(":focus")).waitFor();
      await press("ControlOrMeta+A");
      await type(text);
    }
    /** Shift and Tab until the canvas has the focus. */
    async function back(): Promise<void> {
      for (let steps = 0; steps < 60; steps += 1) {
        const role = await page.evaluate(() => document.activeElement?.getAttribute("role") ?? "");
        if (role === "application") return;
        await press("Shift+Tab");
      }
      throw new Error("the canvas cannot be reached");
    }

    await page.goto("/workflows/new");
    await page.getByRole("heading", { name: "An empty canvas" }).waitFor();
    await add("agent");
    await heard(/^Agent, Agent/);
    await fill("Prompt", "Say something about tides.");
    await back();
    await add("conditional");
    await fill("Condition of case 1", "size(nodes.agent.output.text) > 3");
    await back();
    await add("template");
    await fill("Text", "Long.");
    await back();
    await add("template");
    await fill("Text", "The end.");
    await back();
    // back along the graph to the conditional, whose other case is free
    await press("ArrowLeft");
    await press("ArrowLeft");
    await heard(/^Conditional, Conditional/);
    await add("agent");
    await fill("Prompt", "Say more.");
    await back();
    await press("c");
    await picker(page, /^Connect Agent 2 to/).waitFor();
    await type("template 2");
    await press("Enter");
    await heard("Connected agent_2 to text_2.");
    await page.getByRole("button", { name: "valid", exact: true }).waitFor();

    // renamed, moved, undone
    await press("F2");
    await field(page, "Name").and(page.locator(":focus")).waitFor();
    await type("Second opinion");
    await flowNode(page, "agent_2").getByText("Second opinion").waitFor();
    await back();
    await press("ControlOrMeta+z");
    await flowNode(page, "agent_2").getByText("Agent 2").waitFor();
    await press("Shift+Alt+T");
    await expectTheFive(page);

    await press("ControlOrMeta+Enter");
    await page.getByRole("dialog").getByRole("button", { name: "Run", exact: true }).waitFor();
    await press("Tab");
    await press("Enter");
    await watchItRun(page);
    expect(faults).toEqual([]);
    await context.close();
  });
});

describe("nothing is lost", () => {
  test("fifty steps back and forth, of every kind", async () => {
    const { page, faults, context } = await open(browser, nexus.base, { width: 1500 });
    await page.goto("/workflows/new");
    await page.getByRole("heading", { name: "An empty canvas" }).waitFor();
    const shape = () =>
      page.evaluate(() =>
        [...document.querySelectorAll<HTMLElement>(".react-flow__node")]
          .map((node) => `${node.dataset.id} ${node.style.transform}`)
          .sort()
          .join("\n"),
      );
    // ten nodes in a row, each moved twice, and some taken away again: 10 + 20 + 12 + 8 steps
    for (let index = 0; index < 10; index += 1) {
      await page.getByRole("button", { name: /^Template/ }).click();
      await opened(page, index + 1);
      await canvas(page).focus();
      // two moves in different directions are two steps; moves that follow each other closely are one
      await page.keyboard.press("Alt+ArrowDown");
      await page.keyboard.press("Escape");
      await page.keyboard.press("ArrowRight");
      await page.keyboard.press("Alt+ArrowUp");
      await page.keyboard.press("Escape");
    }
    for (let index = 0; index < 6; index += 1) {
      await page.keyboard.press("ArrowLeft");
      await page.keyboard.press("ControlOrMeta+d");
      await opened(page, 11);
      await page.keyboard.press("Delete");
      await opened(page, 10);
    }
    for (let index = 0; index < 8; index += 1) {
      await page.getByRole("button", { name: /^Python/ }).click();
      await opened(page, 11 + index);
    }
    await canvas(page).focus();
    const end = await shape();
    let steps = 0;
    const undo = page.getByRole("button", { name: /^Undo/ });
    while (await undo.isEnabled()) {
      await page.keyboard.press("ControlOrMeta+z");
      steps += 1;
    }
    expect(steps).toBeGreaterThanOrEqual(50);
    await page.getByRole("heading", { name: "An empty canvas" }).waitFor();
    const redo = page.getByRole("button", { name: /^Do again/ });
    while (await redo.isEnabled()) await page.keyboard.press("Shift+ControlOrMeta+z");
    expect(await shape()).toBe(end);
    await saved(page);
    expect((await stored(nexus, page)).graph.nodes.length).toBe(18);
    expect(faults).toEqual([]);
    await context.close();
  });

  test("a conflict between two tabs: the difference is shown; mine, theirs and a copy", async () => {
    const { id } = await nexus.api<{ id: string }>("POST", "/workflows", largeWorkflow("Shared", 3));
    const first = await open(browser, nexus.base, { expected: /412/ });
    const second = await open(browser, nexus.base, { expected: /412/ });
    for (const { page } of [first, second]) {
      await page.goto(`/workflows/${id}`);
      await opened(page, 3);
    }
    const rename = async (page: Page, name: string) => {
      await flowNode(page, "n1").click();
      await field(page, "Name").fill(name);
    };
    const dialog = second.page.getByRole("dialog", { name: "This workflow was changed elsewhere" });

    await rename(first.page, "From the first");
    await saved(first.page);
    await first.page.waitForFunction(() => document.querySelector('[data-save="saved"]') !== null);
    await rename(second.page, "From the second");
    await dialog.waitFor();
    await dialog.getByRole("list", { name: "Differences" }).getByText("From the first", { exact: true }).waitFor();
    await dialog.getByText("From the second", { exact: true }).waitFor();
    await dialog.getByRole("button", { name: "Keep mine" }).click();
    await dialog.waitFor({ state: "detached" });
    await saved(second.page);
    expect((await stored(nexus, second.page)).graph.nodes[1]?.name).toBe("From the second");

    // now the first tab is behind: it takes theirs, and can go back to its own
    await rename(first.page, "Behind");
    const other = first.page.getByRole("dialog", { name: "This workflow was changed elsewhere" });
    await other.getByRole("button", { name: "Take theirs" }).click();
    await flowNode(first.page, "n1").getByText("From the second").waitFor();
    await canvas(first.page).focus();
    await first.page.keyboard.press("ControlOrMeta+z");
    await flowNode(first.page, "n1").getByText("Behind").waitFor();
    await saved(first.page);

    // and once more, to save a copy
    await rename(second.page, "For a copy");
    await dialog.getByRole("button", { name: "Save mine as a copy" }).click();
    await second.page.waitForURL((url) => !url.pathname.includes(id));
    await second.page
      .getByRole("textbox", { name: "Name of the workflow" })
      .and(second.page.locator('[value="Shared (copy)"]'))
      .waitFor();
    expect((await stored(nexus, second.page)).graph.nodes[1]?.name).toBe("For a copy");
    expect((await stored(nexus, first.page)).graph.nodes[1]?.name).toBe("Behind");
    expect(first.faults.concat(second.faults)).toEqual([]);
    await first.context.close();
    await second.context.close();
  });

  test("an older version is compared in words and brought back", async () => {
    const { id } = await nexus.api<{ id: string }>("POST", "/workflows", largeWorkflow("Versions", 3));
    const { page, faults, context } = await open(browser, nexus.base);
    await page.goto(`/workflows/${id}`);
    await opened(page, 3);
    await flowNode(page, "n2").click();
    await write(page, "Text", "Something else");
    await saved(page);
    await page.getByRole("tab", { name: "Versions" }).click();
    await page.getByRole("button", { name: "Compare with now" }).last().click();
    const dialog = page.getByRole("dialog", { name: "Version 1 and now" });
    await dialog.getByText("Something else", { exact: true }).waitFor();
    await dialog.getByText("after {{ nodes.n0.output.text }}", { exact: true }).waitFor();
    await dialog.getByRole("button", { name: "Restore version 1" }).click();
    await dialog.waitFor({ state: "detached" });
    await saved(page);
    const now = await stored(nexus, page);
    expect(now.graph.nodes[2]?.config.template).toBe("after {{ nodes.n0.output.text }}");
    expect(now.version).toBeGreaterThan(2);
    expect(faults).toEqual([]);
    await context.close();
  });

  test("nodes are copied from one tab to another, references and all", async () => {
    const { id } = await nexus.api<{ id: string }>("POST", "/workflows", largeWorkflow("Source of a copy", 4));
    const { page, faults, context } = await open(browser, nexus.base);
    await context.grantPermissions(["clipboard-read", "clipboard-write"]);
    const target = await context.newPage();
    await page.goto(`/workflows/${id}`);
    await opened(page, 4);
    await canvas(page).focus();
    await page.keyboard.press("ControlOrMeta+a");
    await page.keyboard.press("ControlOrMeta+c");
    await target.goto(`/workflows/new`);
    await target.getByRole("heading", { name: "An empty canvas" }).waitFor();
    await canvas(target).focus();
    await target.keyboard.press("ControlOrMeta+v");
    await opened(target, 4);
    await target.keyboard.press("ControlOrMeta+v");
    await opened(target, 8);
    await saved(target);
    await target.waitForURL(/\/workflows\/[0-9a-f-]{36}$/);
    const { graph } = await stored(nexus, target);
    expect(graph.edges).toHaveLength(6);
    expect(graph.nodes.find((node) => node.id === "n1_2")?.config.template).toBe("after {{ nodes.n0_2.output.text }}");
    expect(workflowId(target)).not.toBe(id);
    expect(faults).toEqual([]);
    await context.close();
  });

  test("500 nodes are imported, walked and undone", async () => {
    const { page, faults, context } = await open(browser, nexus.base);
    await page.goto("/workflows/new");
    await page.getByRole("heading", { name: "An empty canvas" }).waitFor();
    await page
      .getByLabel("Workflow file")
      .first()
      .setInputFiles({
        name: "large.json",
        mimeType: "application/json",
        buffer: Buffer.from(JSON.stringify(largeWorkflow("Five hundred", 500))),
      });
    await opened(page, 500);
    await page.getByRole("button", { name: "valid", exact: true }).waitFor();
    await saved(page);
    const { graph, name } = await stored(nexus, page);
    expect([name, graph.nodes.length, graph.edges.length]).toEqual(["Five hundred", 500, 499]);
    // a node far outside of the view is found, brought into view and drawn
    await page.keyboard.press("ControlOrMeta+f");
    await picker(page, "Find a node").fill("Node 499");
    await page.keyboard.press("Enter");
    await flowNode(page, "n499").waitFor();
    await canvas(page).focus();
    await page.keyboard.press("ControlOrMeta+z");
    await page.getByRole("heading", { name: "An empty canvas" }).waitFor();
    expect(faults).toEqual([]);
    await context.close();
  });
});

describe("while drawing", () => {
  test("what the server finds stands at the node and in the list, and leads to its field", async () => {
    const { page, faults, context } = await open(browser, nexus.base);
    await page.goto("/workflows/new?template=research-brief");
    await page.getByRole("button", { name: "valid", exact: true }).waitFor();
    await flowNode(page, "draft").click();
    await write(page, "Prompt", "Write about {{ inputs.nothing }} and {{ nodes.nobody.output }}");
    await page.getByRole("button", { name: /problems?$/ }).click();
    const list = page.getByRole("list", { name: "Problems" });
    await list.getByRole("button").first().waitFor();
    await flowNode(page, "draft")
      .getByTitle(/to mend/)
      .waitFor();
    await canvas(page).click({ position: { x: 20, y: 20 } });
    await panel(page).getByRole("heading", { name: "Workflow" }).waitFor();
    await list.getByRole("button").filter({ hasText: "prompt" }).first().click();
    await field(page, "Prompt").and(page.locator(":focus")).waitFor();
    // completion knows the inputs
    await page.keyboard.press("ControlOrMeta+A");
    await page.keyboard.type("About {{ inp");
    await page.getByRole("option", { name: /^inputs\.topic/ }).click();
    await page.keyboard.type(" }}.");
    await flowNode(page, "draft")
      .getByTitle(/to mend/)
      .waitFor({ state: "detached" });
    await saved(page);
    const { graph } = await stored(nexus, page);
    expect(graph.nodes.find((node) => node.id === "draft")?.config.prompt).toBe("About {{ inputs.topic }}.");
    expect(faults).toEqual([]);
    await context.close();
  });

  test("an id that changes, changes wherever it is used", async () => {
    const { page, faults, context } = await open(browser, nexus.base);
    const { id } = await nexus.api<{ id: string }>("POST", "/workflows", largeWorkflow("Ids", 4));
    await page.goto(`/workflows/${id}`);
    await opened(page, 4);
    await flowNode(page, "n0").click();
    await field(page, "Id").fill("beginning");
    await page.keyboard.press("Enter");
    await flowNode(page, "beginning").waitFor();
    await saved(page);
    const { graph } = await stored(nexus, page);
    expect(graph.nodes.slice(1).map((node) => node.config.template)).toEqual(
      Array.from({ length: 3 }, () => "after {{ nodes.beginning.output.text }}"),
    );
    expect(graph.edges.every((edge) => edge.source === "beginning")).toBe(true);
    expect(faults).toEqual([]);
    await context.close();
  });

  test("a tool is attached to an agent, and the outline is a way to edit it all", async () => {
    const { page, faults, context } = await open(browser, nexus.base, { width: 1500 });
    await page.goto("/workflows/new");
    await page.getByRole("button", { name: /^Agent/ }).click();
    await write(page, "Prompt", "Use your tool.");
    await page.getByRole("button", { name: /^Template/ }).click();
    await write(page, "Text", "A fact.");
    await page.getByRole("tab", { name: "Outline" }).click();
    const tree = page.getByRole("tree", { name: "Outline of the workflow" });
    await tree.getByRole("treeitem", { name: /^Template/ }).focus();
    await page.keyboard.press("c");
    await picker(page, /^Connect Template to/).fill("as its tool");
    await page.keyboard.press("Enter");
    await tree
      .getByRole("treeitem", { name: /^Template/ })
      .and(page.locator('[aria-level="2"]'))
      .waitFor();
    await panel(page).getByLabel("What it does, for the model").fill("Tells a fact");
    await tree.getByRole("treeitem", { name: /^Template/ }).focus();
    await page.keyboard.press("ArrowUp");
    await tree
      .getByRole("treeitem", { name: /^Agent/ })
      .and(page.locator(":focus"))
      .waitFor();
    await page.keyboard.press("ArrowRight");
    await tree
      .getByRole("treeitem", { name: /^Template/ })
      .and(page.locator(":focus"))
      .waitFor();
    await saved(page);
    const { graph } = await stored(nexus, page);
    expect(graph.edges).toEqual([expect.objectContaining({ source: "text", target: "agent", target_handle: "tools" })]);
    expect(graph.nodes.find((node) => node.id === "text")?.config.description).toBe("Tells a fact");
    await page.keyboard.press("Delete");
    await opened(page, 1);
    expect(faults).toEqual([]);
    await context.close();
  });
});
