// A workflow made to hurt: markup, script, template syntax, a megabyte in one string, text from right to left, combining
// characters, in every name and in what a run says. All of it must appear as text, on every page, and nothing may run.
import type { Browser, Page } from "playwright-core";
import { afterAll, beforeAll, expect, test } from "vitest";
import { expectAccessible, launch, open } from "./browser";
import { canvas, flowNode, opened } from "./builder-page";
import { Nexus } from "./nexus";

const SCRIPT = `<img src=x onerror="window.hurt=1"><script>window.hurt=2</script>"'\`</title></style></textarea>`;
const RTL = "\u202Eevil\u202C مرحبا بالعالم";
const ZALGO = `Z${"\u0301\u0323\u0334\u0489".repeat(200)}algo`;
const LONG = "x".repeat(900_000);

let browser: Browser;
let nexus: Nexus;
const ids = { workflow: "", execution: "" };

const hostile = {
  schema_version: 1,
  name: `${SCRIPT} ${RTL}`.slice(0, 190),
  description: `${SCRIPT}\n${ZALGO}\n${RTL}`,
  inputs: {
    type: "object",
    properties: { topic: { type: "string", title: SCRIPT, description: `${SCRIPT} ${RTL}` } },
    required: ["topic"],
  },
  graph: {
    nodes: [
      {
        id: "script",
        type: "tool",
        name: SCRIPT,
        config: { tool: "template", template: `${SCRIPT} {{ inputs.topic }}` },
      },
      {
        id: "rtl",
        type: "tool",
        name: RTL,
        config: { tool: "template", template: `${RTL} {{ nodes.script.output.text }}` },
      },
      { id: "zalgo", type: "tool", name: ZALGO, config: { tool: "template", template: ZALGO } },
      {
        id: "fork",
        type: "conditional",
        name: `${SCRIPT}${RTL}`,
        config: { cases: [{ handle: SCRIPT, when: "true" }], else: RTL },
      },
      {
        id: "loud",
        type: "tool",
        name: "y".repeat(3_000),
        config: { tool: "template", template: "{{ inputs.topic }}" },
      },
    ],
    edges: [
      { id: SCRIPT, source: "script", target: "rtl" },
      { id: "e2", source: "rtl", target: "zalgo" },
      { id: "e3", source: "zalgo", target: "fork" },
      { id: "e4", source: "fork", target: "loud", source_handle: SCRIPT },
    ],
  },
};

beforeAll(async () => {
  browser = await launch();
  nexus = await Nexus.start();
  ids.workflow = (await nexus.api<{ id: string }>("POST", "/workflows", hostile)).id;
  const started = await nexus.api<{ execution_id: string }>("POST", `/workflows/${ids.workflow}/execute`, {
    inputs: { topic: `${SCRIPT}${LONG}` },
  });
  ids.execution = started.execution_id;
  await (
    await fetch(`${nexus.base}/api/v1/executions/${ids.execution}/events`, { headers: { accept: "text/event-stream" } })
  ).text();
});

afterAll(async () => {
  await browser?.close();
  await nexus?.stop();
});

async function unhurt(page: Page): Promise<void> {
  expect(await page.evaluate(() => "hurt" in window)).toBe(false);
  expect(await page.locator('img[src="x"]').count()).toBe(0);
  const [content, screen] = await page.evaluate(() => [document.documentElement.scrollWidth, window.innerWidth]);
  expect(content, "no sideways scrolling").toBeLessThanOrEqual(screen ?? 0);
}

test("the builder shows it as text, and can edit it", async () => {
  const { page, faults, context } = await open(browser, nexus.base, { width: 1500 });
  await page.goto(`/workflows/${ids.workflow}`);
  await opened(page, 5);
  await flowNode(page, "script").getByText("<img src=x").waitFor();
  await unhurt(page);
  for (const id of ["script", "rtl", "zalgo", "fork", "loud"]) {
    await flowNode(page, id).click();
    await page.getByRole("tab", { name: "Settings" }).waitFor();
    await page.getByRole("tab", { name: "Output" }).click();
    await page.getByRole("tabpanel", { name: "Output" }).waitFor();
    await page.getByRole("tab", { name: "Settings" }).click();
  }
  await page.getByRole("tab", { name: "Outline" }).click();
  await page.getByRole("treeitem", { name: /^<img/ }).first().waitFor();
  await canvas(page).focus();
  await page.keyboard.press("ControlOrMeta+k");
  await page.getByRole("combobox", { name: "Commands" }).fill("<img");
  await page.getByRole("option", { name: /<img/ }).first().waitFor();
  await page.keyboard.press("Escape");
  await page.getByRole("tab", { name: "Runs" }).click();
  await page.getByRole("button", { name: "Show", exact: true }).click();
  await page.getByRole("region", { name: "Run on the canvas" }).getByText("Succeeded", { exact: true }).waitFor();
  await page.getByRole("button", { name: "Run", exact: true }).click();
  await page.getByRole("dialog").getByText("<img src=x").first().waitFor();
  await unhurt(page);
  await expectAccessible(page, "hostile, run dialog");
  expect(faults).toEqual([]);
  await context.close();
});

test.each([
  ["overview", () => "/"],
  ["runs", () => "/executions"],
  ["its run", () => `/workflows/${ids.workflow}/executions/${ids.execution}`],
  ["comparing", () => `/executions/compare?a=${ids.execution}&b=${ids.execution}`],
])("%s shows it as text", async (name, path) => {
  for (const width of [1280, 390]) {
    const { page, faults, context } = await open(browser, nexus.base, { width });
    await page.goto(path());
    await page.getByText("<img src=x").first().waitFor({ state: "attached" });
    await unhurt(page);
    await expectAccessible(page, `hostile, ${name}`);
    expect(faults).toEqual([]);
    await context.close();
  }
});

test("on a phone the workflow is text to read", async () => {
  const { page, faults, context } = await open(browser, nexus.base, { width: 390 });
  await page.goto(`/workflows/${ids.workflow}`);
  await page.getByRole("heading", { level: 1 }).getByText("<img src=x").waitFor();
  await unhurt(page);
  await expectAccessible(page, "hostile, phone");
  expect(faults).toEqual([]);
  await context.close();
});
