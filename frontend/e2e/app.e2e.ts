// What people do with the app, in a real browser against the real program: create, run, watch, cancel, resume, survive a
// crash of the server.
import { createHash } from "node:crypto";
import type { Browser, Page } from "playwright-core";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { launch, open } from "./browser";
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
const node = (page: Page, id: string, look: string) => page.locator(`[data-node="${id}"][data-look="${look}"]`);

async function mark(page: Page): Promise<void> {
  await page.evaluate(() => {
    Object.assign(window, { sameDocument: true });
  });
}
const sameDocument = (page: Page) => page.evaluate(() => "sameDocument" in window);

/** Starts the gated workflow and opens its page. */
async function startGated(page: Page, server: Nexus, name: string): Promise<{ workflow: string; execution: string }> {
  const { id } = await server.api<{ id: string }>("POST", "/workflows", gatedWorkflow(name));
  const { execution_id } = await server.api<{ execution_id: string }>("POST", `/workflows/${id}/execute`, {
    inputs: { topic: "gates" },
  });
  await page.goto(`/workflows/${id}/executions/${execution_id}`);
  return { workflow: id, execution: execution_id };
}

/** The numbers in the event log, oldest first. */
async function seqs(page: Page): Promise<number[]> {
  const texts = await page
    .locator("[data-seq]")
    .evaluateAll((items) => items.map((item) => item.getAttribute("data-seq")));
  return texts.map(Number).reverse();
}
const counted = (length: number) => Array.from({ length }, (_, index) => index + 1);

describe("the app", () => {
  test("from the empty overview over a template to the outputs of its run, live", async () => {
    const { page, faults, context } = await open(browser, nexus.base);
    await page.goto("/");
    await page.getByRole("heading", { name: "Start with a template" }).waitFor();
    await mark(page);
    await page.getByRole("button", { name: "Create and run Research brief" }).click();
    const dialog = page.getByRole("dialog");
    // the template brings an example input; without any, the form says so
    expect(await dialog.getByLabel("Topic").inputValue()).toBe("Rust");
    await dialog.getByLabel("Topic").fill("");
    await dialog.getByRole("button", { name: "Create and run" }).click();
    await dialog.getByText("This is needed.").waitFor();
    await dialog.getByLabel("Topic").fill("Tides");
    expect(await dialog.getByLabel("Budget").inputValue()).toBe("0.5");
    await dialog.getByRole("button", { name: "Create and run" }).click();

    await page.waitForURL(/\/workflows\/[0-9a-f-]{36}\/executions\/[0-9a-f-]{36}$/);
    await badge(page, "Succeeded").waitFor();
    await page.getByRole("heading", { name: "Outputs" }).waitFor();
    const output = await page
      .getByRole("region", { name: /^Output of/ })
      .first()
      .textContent();
    expect(output?.trim()).toBeTruthy();
    const events = await seqs(page);
    expect(events).toEqual(counted(events.length));
    expect(await sameDocument(page)).toBe(true);

    // a node shows its attempts
    await node(page, "draft", "succeeded").getByRole("button").click();
    await page.getByRole("list", { name: "Attempts of Draft" }).getByText("demo/large").waitFor();

    // the same page by a hard reload, by the run's id alone, and from the overview
    await page.reload();
    await badge(page, "Succeeded").waitFor();
    const execution = page.url().split("/").at(-1) ?? "";
    await page.goto(`/executions/${execution}`);
    await badge(page, "Succeeded").waitFor();
    await page.goto("/");
    await page.getByRole("table", { name: "Latest runs" }).getByRole("link", { name: "Research brief" }).click();
    await badge(page, "Succeeded").waitFor();
    expect(faults).toEqual([]);
    await context.close();
  });

  test("moves between pages without loading documents, and back", async () => {
    const { page, faults, context } = await open(browser, nexus.base);
    const { id } = await nexus.api<{ id: string }>("POST", "/workflows", gatedWorkflow("Wandering"));
    await page.goto("/");
    await page.getByRole("link", { name: "Wandering" }).waitFor();
    await mark(page);
    await page.getByRole("link", { name: "Wandering" }).click();
    await page.locator('.nx-flow[data-nodes="2"]').waitFor();
    expect(new URL(page.url()).pathname).toBe(`/workflows/${id}`);
    await page.getByRole("link", { name: "Runs", exact: true }).first().click();
    await page.getByRole("heading", { level: 1, name: "Runs" }).waitFor();
    await page.getByRole("link", { name: "Models" }).first().click();
    await page.getByRole("table", { name: "Models of Demo" }).waitFor();
    await page.getByRole("link", { name: "Settings" }).first().click();
    await page.getByText("ready", { exact: true }).waitFor();
    await page.goBack();
    await page.goBack();
    await page.goBack();
    await page.locator('.nx-flow[data-nodes="2"]').waitFor();
    expect(await sameDocument(page)).toBe(true);
    expect(faults).toEqual([]);
    await context.close();
  });

  test("search and filter live in the address", async () => {
    const { page, faults, context } = await open(browser, nexus.base);
    await nexus.api("POST", "/workflows", gatedWorkflow("Haystack"));
    await nexus.api("POST", "/workflows", gatedWorkflow("Needle"));
    await page.goto("/");
    await page.getByRole("searchbox", { name: "Search workflows" }).fill("needle");
    await page.waitForURL("**/?q=needle");
    await page.getByRole("link", { name: "Haystack" }).waitFor({ state: "detached" });
    await page.reload();
    await page.getByRole("link", { name: "Needle" }).waitFor();
    expect(await page.getByRole("link", { name: "Haystack" }).count()).toBe(0);

    await page.goto("/executions");
    await page.getByRole("link", { name: "Stopped by budget" }).click();
    await page.waitForURL("**/executions?status=budget_exceeded");
    await page.getByText("No run is stopped by budget").waitFor();
    expect(faults).toEqual([]);
    await context.close();
  });

  test("deletes after asking, exports, duplicates", async () => {
    const { page, faults, context } = await open(browser, nexus.base);
    await nexus.api("POST", "/workflows", gatedWorkflow("Short-lived"));
    await page.goto("/?q=short-lived");
    const more = page.getByRole("button", { name: "More for Short-lived", exact: true });
    await more.click();
    const download = page.waitForEvent("download");
    await page.getByRole("menuitem", { name: "Export JSON" }).click();
    expect((await download).suggestedFilename()).toBe("short-lived.json");
    await more.click();
    await page.getByRole("menuitem", { name: "Duplicate" }).click();
    await page.getByRole("link", { name: "Short-lived (copy)" }).waitFor();
    await more.click();
    await page.getByRole("menuitem", { name: "Delete…" }).click();
    await page.getByRole("dialog").getByRole("button", { name: "Delete" }).click();
    // while the dialog is there, the page behind it has no roles
    await page.getByRole("dialog").waitFor({ state: "detached" });
    await page.getByRole("link", { name: "Short-lived (copy)" }).waitFor();
    await page.getByRole("link", { name: "Short-lived", exact: true }).waitFor({ state: "detached" });
    expect(await page.getByRole("link", { name: "Short-lived (copy)" }).count()).toBe(1);
    expect(faults).toEqual([]);
    await context.close();
  });

  test("says what does not exist", async () => {
    const { page, context } = await open(browser, nexus.base);
    const nobody = "01890000-0000-7000-8000-000000000000";
    const answer = await page.goto("/no/such/page");
    expect(answer?.status()).toBe(404);
    await page.getByText("This page does not exist").waitFor();
    await page.goto(`/workflows/${nobody}`);
    await page.getByText("This workflow does not exist").waitFor();
    await page.goto(`/executions/${nobody}`);
    await page.getByText("This run does not exist").waitFor();
    await context.close();
  });
});

describe("a live run", () => {
  test("shows words while they are written, and is cancelled", async () => {
    provider.hold();
    const { page, faults, context } = await open(browser, nexus.base);
    await startGated(page, nexus, "To cancel");
    await node(page, "write", "running").waitFor();
    await page.getByRole("button", { name: "Cancel run" }).click();
    await badge(page, "Cancelled").waitFor();
    await node(page, "write", "cancelled").waitFor();
    await node(page, "check", "not_run").waitFor();

    // and goes on where it stopped, writing before our eyes
    await page.getByRole("button", { name: "Resume", exact: true }).click();
    await page.getByRole("dialog").getByRole("button", { name: "Resume" }).click();
    await badge(page, "Running").waitFor();
    await page.getByRole("region", { name: "Write is writing" }).getByText("words").waitFor();
    provider.release();
    await badge(page, "Succeeded").waitFor();
    await page.getByRole("region", { name: "Output of Check", exact: true }).getByText("and the last ones.").waitFor();
    const events = await seqs(page);
    expect(events).toEqual(counted(events.length));
    expect(faults).toEqual([]);
    await context.close();
  });

  test("that failed says why, needs attention, and can be resumed", async () => {
    provider.release();
    provider.refuse = 400;
    const { page, faults, context } = await open(browser, nexus.base);
    await startGated(page, nexus, "To fail");
    await badge(page, "Failed").waitFor();
    await node(page, "write", "failed").waitFor();
    await node(page, "check", "skipped").waitFor();
    await page.goto("/");
    await page.getByRole("table", { name: "Runs that need attention" }).getByRole("link", { name: "To fail" }).click();
    await badge(page, "Failed").waitFor();
    provider.refuse = null;
    await page.getByRole("button", { name: "Resume", exact: true }).click();
    await page.getByRole("dialog").getByRole("button", { name: "Resume" }).click();
    await badge(page, "Succeeded").waitFor();
    expect(faults).toEqual([]);
    await context.close();
  });
});

describe("a server that is killed", () => {
  test("comes back, and the page catches up without a reload", async () => {
    provider.hold();
    const own = await Nexus.start(provider.env);
    const { page, faults, context } = await open(browser, own.base, { expected: /ERR_CONNECTION|WebSocket/ });
    try {
      await startGated(page, own, "To survive");
      await page.getByRole("region", { name: "Write is writing" }).getByText("words").waitFor();
      await mark(page);
      await own.kill();
      await page.getByText(/Reconnecting, last event/).waitFor();
      await node(page, "write", "running").waitFor();
      await own.run();
      provider.release();
      await badge(page, "Succeeded").waitFor({ timeout: 60_000 });
      await page.getByText(/Reconnecting/).waitFor({ state: "detached" });
      await page
        .getByRole("region", { name: "Output of Check", exact: true })
        .getByText("and the last ones.")
        .waitFor();
      const events = await seqs(page);
      expect(events.length).toBeGreaterThan(5);
      expect(events).toEqual(counted(events.length));
      expect(await sameDocument(page)).toBe(true);
      expect(faults).toEqual([]);
    } finally {
      await context.close();
      await own.stop();
    }
  });
});

describe("a server with keys", () => {
  test("is asked with the key that the form took, live events too", async () => {
    provider.release();
    const key = "correct horse battery staple".replaceAll(" ", "-");
    const own = await Nexus.start({
      ...provider.env,
      NEXUS_API_KEYS: `tester:${createHash("sha256").update(key).digest("hex")}`,
    });
    const { page, faults, context } = await open(browser, own.base, { expected: /401/ });
    try {
      await page.goto("/");
      const form = page.getByRole("dialog", { name: "API key" });
      await form.getByLabel("Key").fill("wrong");
      await form.getByRole("button", { name: "Continue" }).click();
      await form.getByText("did not accept").waitFor();
      await form.getByLabel("Key").fill(key);
      await form.getByRole("button", { name: "Continue" }).click();
      await page.getByRole("button", { name: "Create and run Research brief" }).click();
      await page.getByRole("dialog").getByLabel("Topic").fill("Keys");
      await page.getByRole("dialog").getByRole("button", { name: "Create and run" }).click();
      await badge(page, "Succeeded").waitFor();
      expect(await page.getByText(/Reconnecting/).count()).toBe(0);
      expect(faults).toEqual([]);
    } finally {
      await context.close();
      await own.stop();
    }
  });
});
