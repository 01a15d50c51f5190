// Runs as people follow them: on the canvas while it is drawn, stopped by the budget, gone on with from a node, replayed,
// compared, and through a crash of the server.
import type { Browser, Page } from "playwright-core";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { launch, open } from "./browser";
import { flowNode, opened, panel } from "./builder-page";
import { Nexus } from "./nexus";
import { gatedWorkflow, Provider } from "./provider";

let browser: Browser;
let provider: Provider;
let nexus: Nexus;

beforeAll(async () => {
  browser = await launch();
  provider = await Provider.start();
  nexus = await Nexus.start(provider.env);
});

afterAll(async () => {
  await browser?.close();
  await nexus?.stop();
  await provider?.stop();
});

const badge = (page: Page, word: string) => page.getByRole("heading", { level: 1 }).getByText(word, { exact: true });
const row = (page: Page, id: string, look: string) => page.locator(`li[data-node="${id}"][data-look="${look}"]`);
const onCanvas = (page: Page, id: string, look: string) => flowNode(page, id).locator(`[data-node-look="${look}"]`);
const bar = (page: Page) => page.getByRole("region", { name: "Run on the canvas" });

async function create(server: Nexus, name: string): Promise<string> {
  return (await server.api<{ id: string }>("POST", "/workflows", gatedWorkflow(name))).id;
}

async function execute(server: Nexus, id: string, topic: string): Promise<string> {
  const answer = await server.api<{ execution_id: string }>("POST", `/workflows/${id}/execute`, { inputs: { topic } });
  return answer.execution_id;
}

async function ended(server: Nexus, id: string): Promise<void> {
  const response = await fetch(`${server.base}/api/v1/executions/${id}/events`, {
    headers: { accept: "text/event-stream" },
  });
  await response.text(); // the stream ends with the run
}

async function runFromBuilder(page: Page, topic: string): Promise<void> {
  await page.getByRole("button", { name: "Run", exact: true }).click();
  const dialog = page.getByRole("dialog");
  await dialog.getByLabel("Topic").fill(topic);
  await dialog.getByRole("button", { name: "Run", exact: true }).click();
  await bar(page).waitFor();
}

describe("on the canvas", () => {
  test("words, states and money stand at the nodes while it runs; it can be cancelled", async () => {
    provider.hold();
    const { page, faults, context } = await open(browser, nexus.base);
    await page.goto(`/workflows/${await create(nexus, "On the canvas")}`);
    await opened(page, 2);
    await runFromBuilder(page, "canvas");
    await onCanvas(page, "write", "running").waitFor();
    await flowNode(page, "write").locator("[data-writing]").getByText("more words").waitFor();
    await onCanvas(page, "check", "pending").waitFor();
    provider.release();
    await onCanvas(page, "check", "succeeded").waitFor();
    await bar(page).getByText("Succeeded", { exact: true }).waitFor();
    await bar(page)
      .getByRole("img", { name: /of the cap is spent/ })
      .waitFor();
    expect(await flowNode(page, "write").locator("[data-writing]").count()).toBe(0);

    provider.hold();
    await runFromBuilder(page, "again");
    await onCanvas(page, "write", "running").waitFor();
    await bar(page).getByRole("button", { name: "Cancel run" }).click();
    await bar(page).getByText("Cancelled", { exact: true }).waitFor();
    await onCanvas(page, "write", "cancelled").waitFor();
    // the run before is one click away, and the canvas is for drawing again without one
    await page.getByRole("tab", { name: "Runs" }).click();
    await page.getByRole("list", { name: "Runs of this workflow" }).getByRole("button", { name: "Show" }).click();
    await onCanvas(page, "check", "succeeded").waitFor();
    await flowNode(page, "check").click();
    await page.getByRole("tab", { name: "Output" }).click();
    await panel(page).getByText("and the last ones.").waitFor();
    await page.getByRole("button", { name: "Take the run off the canvas" }).click();
    await bar(page).waitFor({ state: "detached" });
    expect(await page.locator("[data-node-look]").count()).toBe(0);
    expect(faults).toEqual([]);
    await context.close();
  });

  test("the server is killed in the middle and started again: the canvas catches up without a reload", async () => {
    provider.hold();
    const own = await Nexus.start(provider.env);
    const { page, faults, context } = await open(browser, own.base, { expected: /ERR_CONNECTION|WebSocket/ });
    try {
      await page.goto(`/workflows/${await create(own, "To survive")}`);
      await opened(page, 2);
      await runFromBuilder(page, "crash");
      await onCanvas(page, "write", "running").waitFor();
      await page.evaluate(() => Object.assign(window, { sameDocument: true }));
      await own.kill();
      await bar(page).getByText("Reconnecting…").waitFor();
      await own.run();
      provider.release();
      await bar(page).getByText("Succeeded", { exact: true }).waitFor({ timeout: 60_000 });
      await onCanvas(page, "check", "succeeded").waitFor();
      expect(await page.evaluate(() => "sameDocument" in window)).toBe(true);
      expect(faults).toEqual([]);
    } finally {
      await context.close();
      await own.stop();
    }
  });
});

describe("the page of a run", () => {
  test("drawing, timeline and details have one selection; the scrubber replays what happened", async () => {
    provider.release();
    const id = await create(nexus, "To replay");
    const execution = await execute(nexus, id, "replay");
    await ended(nexus, execution);
    const { page, faults, context } = await open(browser, nexus.base, { width: 1500 });
    await page.goto(`/workflows/${id}/executions/${execution}`);
    await badge(page, "Succeeded").waitFor();
    await flowNode(page, "write").click();
    await row(page, "write", "succeeded").getByRole("button", { pressed: true }).waitFor();
    await page.getByRole("list", { name: "Attempts of Write" }).waitFor();
    await page.getByRole("region", { name: "Prompt of Write" }).getByText("Write about replay").waitFor();
    await row(page, "check", "succeeded").getByRole("button").click();
    await page.getByRole("list", { name: "Attempts of Check" }).waitFor();

    const slider = page.getByRole("slider", { name: "Event" });
    const count = Number(await slider.getAttribute("max"));
    expect(count).toBeGreaterThan(4);
    await slider.focus();
    await page.keyboard.press("Home");
    await row(page, "write", "pending").waitFor();
    for (let step = 0; step < 2; step += 1) await page.keyboard.press("ArrowRight");
    await row(page, "write", "running").waitFor();
    await onCanvas(page, "write", "running").waitFor();
    await onCanvas(page, "check", "pending").waitFor();
    await page.getByRole("button", { name: "To the end" }).click();
    await row(page, "check", "succeeded").waitFor();
    // by itself, to the end
    await page.getByRole("button", { name: "Replay" }).click();
    await row(page, "write", "running").waitFor();
    await row(page, "check", "succeeded").waitFor();

    const download = page.waitForEvent("download");
    await page.getByRole("button", { name: "More for this run" }).click();
    await page.getByRole("menuitem", { name: "Download JSON" }).click();
    expect((await download).suggestedFilename()).toMatch(/^to-replay-.*\.json$/);
    expect(faults).toEqual([]);
    await context.close();
  });

  test("goes on from a node, and says what that saves", async () => {
    provider.release();
    const id = await create(nexus, "To repeat");
    const execution = await execute(nexus, id, "repeat");
    await ended(nexus, execution);
    const { page, faults, context } = await open(browser, nexus.base);
    await page.goto(`/workflows/${id}/executions/${execution}`);
    await row(page, "check", "succeeded").getByRole("button").click();
    await page.getByRole("button", { name: "Resume from here" }).click();
    const dialog = page.getByRole("dialog", { name: "Resume this run" });
    expect(await dialog.getByLabel("From").inputValue()).toBe("check");
    await dialog.getByText(/Keeps 1 finished node and so saves/).waitFor();
    const before = provider.calls;
    await dialog.getByRole("button", { name: "Resume" }).click();
    await page.locator('[data-type="execution_started"]').nth(1).waitFor();
    await badge(page, "Succeeded").waitFor();
    await row(page, "check", "succeeded").waitFor();
    // only the last of the two agents was asked again
    expect(provider.calls).toBe(before + 1);
    expect(faults).toEqual([]);
    await context.close();
  });

  test("that failed is gone on with from the node that failed", async () => {
    provider.release();
    provider.refuse = 400;
    const id = await create(nexus, "To mend");
    const execution = await execute(nexus, id, "mend");
    await ended(nexus, execution);
    const { page, faults, context } = await open(browser, nexus.base);
    await page.goto(`/workflows/${id}/executions/${execution}`);
    await badge(page, "Failed").waitFor();
    await row(page, "check", "skipped").waitFor();
    provider.refuse = null;
    await row(page, "write", "failed").getByRole("button").click();
    await page.getByRole("button", { name: "Resume from here" }).click();
    await page.getByRole("dialog").getByRole("button", { name: "Resume" }).click();
    await badge(page, "Succeeded").waitFor();
    expect(faults).toEqual([]);
    await context.close();
  });
});

describe("two runs", () => {
  test("are picked in the history and compared side by side", async () => {
    provider.release();
    const id = await create(nexus, "To compare");
    for (const topic of ["apples", "pears"]) await ended(nexus, await execute(nexus, id, topic));
    const { page, faults, context } = await open(browser, nexus.base);
    await page.goto(`/workflows/${id}/executions`);
    const boxes = page.getByRole("checkbox", { name: /^Compare the run/ });
    await boxes.nth(0).check();
    await page.getByText("Mark one more run.").waitFor();
    await boxes.nth(1).check();
    await page.getByRole("button", { name: "Compare" }).click();
    await page.waitForURL(/\/executions\/compare\?a=.*&b=/);
    await page.getByRole("heading", { level: 1, name: "Two runs compared" }).waitFor();
    await page.getByRole("region", { name: "Inputs of the first run" }).getByText("pears").waitFor();
    await page.getByRole("region", { name: "Inputs of the second run" }).getByText("apples").waitFor();
    await page.getByRole("table", { name: "The two runs in figures" }).getByText("Succeeded").first().waitFor();
    // the provider says the same to both
    await page.locator('[data-compared="check"]').getByText("the same").waitFor();
    await page.getByRole("checkbox", { name: "Only what differs" }).check();
    await page.getByText("No output differs.").waitFor();
    // the address is enough
    await page.reload();
    await page.getByRole("heading", { level: 1, name: "Two runs compared" }).waitFor();
    expect(faults).toEqual([]);
    await context.close();
  });
});

describe("the budget", () => {
  test("stops a run, says so at the node, and more of it lets the run go on", async () => {
    provider.release();
    const { page, faults, context } = await open(browser, nexus.base);
    await page.goto(`/workflows/${await create(nexus, "To stop")}`);
    await opened(page, 2);
    await page.getByRole("button", { name: "Run", exact: true }).click();
    const dialog = page.getByRole("dialog");
    await dialog.getByLabel("Topic").fill("money");
    // too little for the first call, whatever the model says
    await dialog.getByLabel("Budget, US dollars").fill("0.000001");
    await dialog.getByText("At worst it needs more than the budget").waitFor();
    await dialog.getByRole("button", { name: "Run", exact: true }).click();
    await bar(page).getByText("Stopped by budget", { exact: true }).waitFor();
    await onCanvas(page, "write", "budget_stopped").waitFor();
    await bar(page).getByRole("link", { name: "Open run" }).click();
    await badge(page, "Stopped by budget").waitFor();
    await page.getByRole("button", { name: "Resume", exact: true }).click();
    const resume = page.getByRole("dialog", { name: "Resume this run" });
    await resume.getByLabel("Total budget, US dollars").fill("0.5");
    await resume.getByRole("button", { name: "Resume" }).click();
    await badge(page, "Succeeded").waitFor();
    await row(page, "check", "succeeded").waitFor();
    expect(faults).toEqual([]);
    await context.close();
  });
});
