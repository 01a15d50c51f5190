// Every page in its states, in both themes and on a phone: no accessibility rule broken, nothing wider than the screen,
// everything reachable with the keyboard.
import type { Browser, Page } from "playwright-core";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { expectAccessible, launch, open } from "./browser";
import { Nexus } from "./nexus";
import { gatedWorkflow, Provider } from "./provider";

let browser: Browser;
let provider: Provider;
let empty: Nexus;
let nexus: Nexus;
const ids = { workflow: "", broken: "", running: "", succeeded: "", failed: "" };

async function execute(id: string): Promise<string> {
  const answer = await nexus.api<{ execution_id: string }>("POST", `/workflows/${id}/execute`, {
    inputs: { topic: "x" },
  });
  return answer.execution_id;
}

async function ended(id: string): Promise<void> {
  const response = await fetch(`${nexus.base}/api/v1/executions/${id}/events`, {
    headers: { accept: "text/event-stream" },
  });
  await response.text(); // the stream ends with the run
}

beforeAll(async () => {
  browser = await launch();
  provider = await Provider.start();
  empty = await Nexus.start();
  nexus = await Nexus.start(provider.env);
  ids.workflow = (await nexus.api<{ id: string }>("POST", "/workflows", gatedWorkflow("Accessible"))).id;
  const broken = gatedWorkflow("Broken") as { graph: { nodes: { config: Record<string, unknown> }[] } };
  for (const node of broken.graph.nodes) node.config.prompt = "{{ inputs.nothing }} {{ nodes.nobody.output }}";
  ids.broken = (await nexus.api<{ id: string }>("POST", "/workflows?draft=true", broken)).id;
  provider.release();
  ids.succeeded = await execute(ids.workflow);
  await ended(ids.succeeded);
  provider.refuse = 400;
  ids.failed = await execute(ids.workflow);
  await ended(ids.failed);
  provider.refuse = null;
  provider.hold();
  ids.running = await execute(ids.workflow);
});

afterAll(async () => {
  await browser?.close();
  await nexus?.stop();
  await empty?.stop();
  await provider?.stop();
});

interface State {
  name: string;
  server?: () => Nexus;
  path: () => string;
  /** Only there on a wide screen. */
  wide?: boolean;
  /** Brings the page into the state. */
  ready: (page: Page) => Promise<unknown>;
}

const heading = (page: Page, name: string | RegExp) => page.getByRole("heading", { level: 1, name }).waitFor();
const run = (id: string) => `/workflows/${ids.workflow}/executions/${id}`;

const STATES: State[] = [
  {
    name: "empty overview",
    server: () => empty,
    path: () => "/",
    ready: (page) => page.getByRole("heading", { name: "Start with a template" }).waitFor(),
  },
  {
    name: "overview",
    path: () => "/",
    ready: async (page) => {
      await page.getByRole("table", { name: "Runs that need attention" }).waitFor();
      await page.getByRole("table", { name: "Latest runs" }).waitFor();
      await page.getByRole("link", { name: "Accessible" }).first().waitFor();
    },
  },
  {
    name: "a search without result",
    path: () => "/?q=zzz",
    ready: (page) => page.getByText("Nothing matches").waitFor(),
  },
  {
    name: "a row's menu",
    path: () => "/",
    ready: async (page) => {
      await page.getByRole("button", { name: "More for Accessible" }).click();
      await page.getByRole("menuitem", { name: "Duplicate" }).waitFor();
    },
  },
  {
    name: "an empty builder",
    wide: true,
    path: () => "/workflows/new",
    ready: (page) => page.getByRole("heading", { name: "An empty canvas" }).waitFor(),
  },
  {
    name: "the builder, a node's settings",
    wide: true,
    path: () => `/workflows/${ids.workflow}`,
    ready: async (page) => {
      await page.locator('.react-flow__node[data-id="write"]').click();
      await page.locator('[data-editor="template"]').first().waitFor();
      for (const summary of await page.locator("aside summary").all()) await summary.click();
    },
  },
  {
    name: "the builder, problems",
    wide: true,
    path: () => `/workflows/${ids.broken}`,
    ready: async (page) => {
      await page.getByRole("button", { name: /problems?$/ }).click();
      await page.getByRole("list", { name: "Problems" }).waitFor();
      await page.locator('.react-flow__node[data-id="write"]').click();
    },
  },
  {
    name: "the builder, several selected, costs",
    wide: true,
    path: () => `/workflows/${ids.workflow}`,
    ready: async (page) => {
      await page.locator('.nx-flow[data-nodes="2"]').waitFor();
      await page.getByRole("application", { name: /^Canvas/ }).focus();
      await page.keyboard.press("ControlOrMeta+a");
      await page.getByRole("heading", { name: "2 nodes selected" }).waitFor();
      await page.getByRole("tab", { name: "Cost" }).click();
      await page.getByRole("table", { name: "Estimate of a run, by node" }).waitFor();
    },
  },
  {
    name: "the builder, outline and versions",
    wide: true,
    path: () => `/workflows/${ids.workflow}`,
    ready: async (page) => {
      await page.getByRole("tab", { name: "Outline" }).click();
      await page.getByRole("treeitem").first().waitFor();
      await page.getByRole("tab", { name: "Versions" }).click();
      await page.getByRole("list", { name: "Versions" }).waitFor();
    },
  },
  ...(["Commands", "Add a node", "Find a node", "Keys"] as const).map(
    (dialog): State => ({
      name: `the builder, ${dialog.toLowerCase()}`,
      wide: true,
      path: () => `/workflows/${ids.workflow}`,
      ready: async (page) => {
        await page.locator('.nx-flow[data-nodes="2"]').waitFor();
        const keys = { Commands: "ControlOrMeta+k", "Add a node": "n", "Find a node": "ControlOrMeta+f", Keys: "?" };
        await page.keyboard.press(keys[dialog]);
        await page.getByRole("dialog", { name: dialog }).waitFor();
      },
    }),
  ),
  {
    name: "the builder, a model is chosen",
    wide: true,
    path: () => `/workflows/${ids.workflow}`,
    ready: async (page) => {
      await page.locator('.react-flow__node[data-id="write"]').click();
      await page.getByRole("button", { name: /^Model required/ }).click();
      await page.getByRole("option").first().waitFor();
    },
  },
  {
    name: "the builder, a finished run on it",
    wide: true,
    path: () => `/workflows/${ids.workflow}`,
    ready: async (page) => {
      await page.getByRole("tab", { name: "Runs" }).click();
      await page.getByRole("button", { name: "Show", exact: true }).last().click();
      await page.getByRole("region", { name: "Run on the canvas" }).getByText("Succeeded", { exact: true }).waitFor();
      await page.locator('.react-flow__node[data-id="write"]').click();
      await page.getByRole("tab", { name: "Output" }).click();
      await page.getByRole("list", { name: /^Attempts of/ }).waitFor();
    },
  },
  {
    name: "two runs compared",
    path: () => `/executions/compare?a=${ids.succeeded}&b=${ids.failed}`,
    ready: (page) => page.getByRole("list", { name: "Nodes compared" }).waitFor(),
  },
  { name: "runs", path: () => "/executions", ready: (page) => page.getByRole("table", { name: "All runs" }).waitFor() },
  {
    name: "runs, none",
    path: () => "/executions?status=budget_exceeded",
    ready: (page) => page.getByText("No run is").waitFor(),
  },
  {
    name: "a workflow",
    path: () => `/workflows/${ids.workflow}`,
    ready: async (page) => {
      // the builder, and on a phone the page for reading
      await page.locator('.nx-flow[data-nodes="2"]').waitFor();
    },
  },
  {
    name: "the run dialog, with an error",
    path: () => `/workflows/${ids.workflow}`,
    ready: async (page) => {
      await page.getByRole("button", { name: "Run", exact: true }).click();
      await page.getByRole("dialog").getByRole("button", { name: "Run", exact: true }).click();
      await page.getByText("This is needed.").waitFor();
    },
  },
  {
    name: "a workflow's runs",
    path: () => `/workflows/${ids.workflow}/executions`,
    ready: (page) => page.getByRole("table").waitFor(),
  },
  {
    name: "a running run",
    path: () => run(ids.running),
    ready: (page) => page.locator('[data-node="write"][data-look="running"]').waitFor(),
  },
  {
    name: "a finished run, a node and an event open",
    path: () => run(ids.succeeded),
    ready: async (page) => {
      await page.locator('li[data-node="write"] button').first().click();
      await page.getByRole("list", { name: "Attempts of Write" }).waitFor();
      await page.locator('[data-type="agent_completed"] button').first().click();
      await page.getByRole("region", { name: /^Data of event/ }).waitFor();
    },
  },
  {
    name: "a failed run, about to be resumed",
    path: () => run(ids.failed),
    ready: async (page) => {
      await page.getByRole("button", { name: "Resume", exact: true }).click();
      await page.getByRole("dialog").waitFor();
    },
  },
  { name: "a failed run", path: () => run(ids.failed), ready: (page) => heading(page, /Failed/) },
  { name: "models", path: () => "/models", ready: (page) => page.getByRole("table").first().waitFor() },
  { name: "settings", path: () => "/settings", ready: (page) => page.getByText("ready", { exact: true }).waitFor() },
  { name: "not found", path: () => "/nowhere", ready: (page) => page.getByText("does not exist").waitFor() },
];

describe.each(["light", "dark"] as const)("%s", (theme) => {
  test.each(STATES)("$name", async ({ server = () => nexus, path, ready, name }) => {
    const { page, faults, context } = await open(browser, server().base, { theme, expected: /404/ });
    await page.goto(path());
    await ready(page);
    expect(await page.evaluate(() => document.documentElement.dataset.theme)).toBe(theme);
    await expectAccessible(page, `${name}, ${theme}`);
    expect(faults).toEqual([]);
    await context.close();
  });
});

describe("on a phone", () => {
  test.each(STATES.filter((state) => state.wide !== true))(
    "$name",
    async ({ server = () => nexus, path, ready, name }) => {
      const { page, faults, context } = await open(browser, server().base, { width: 390, expected: /404/ });
      await page.goto(path());
      await ready(page);
      const [content, screen] = await page.evaluate(() => [document.documentElement.scrollWidth, window.innerWidth]);
      expect(content, "no sideways scrolling").toBeLessThanOrEqual(screen ?? 0);
      await expectAccessible(page, `${name}, phone`);
      expect(faults).toEqual([]);
      await context.close();
    },
  );
});

describe("with the keyboard", () => {
  test("the skip link is first, and leads to the content", async () => {
    const { page, context } = await open(browser, nexus.base);
    await page.goto("/models");
    await page.getByRole("table").first().waitFor();
    await page.keyboard.press("Tab");
    await page.getByRole("link", { name: "Skip to content" }).and(page.locator(":focus")).waitFor();
    await page.keyboard.press("Enter");
    await page.locator("main:focus").waitFor();
    await context.close();
  });

  test("a run is started, and the theme chosen, without a mouse", async () => {
    provider.release();
    const { page, context } = await open(browser, nexus.base);
    await page.goto(`/workflows/${ids.workflow}`);
    await page.locator('.nx-flow[data-nodes="2"]').waitFor();
    await page.keyboard.press("ControlOrMeta+Enter");
    const dialog = page.getByRole("dialog");
    await dialog.waitFor();
    await dialog.getByLabel("Topic").focus();
    await page.keyboard.type("keys");
    await page.keyboard.press("Enter");
    await page.getByRole("region", { name: "Run on the canvas" }).getByText("Succeeded", { exact: true }).waitFor();

    await page.goto("/settings");
    await page.getByRole("radio", { name: "As the system" }).focus();
    await page.keyboard.press("ArrowDown");
    await page.keyboard.press("ArrowDown");
    await page.locator('html[data-theme="dark"]').waitFor({ state: "attached" });
    await page.reload();
    await page.locator('html[data-theme="dark"]').waitFor({ state: "attached" });
    await context.close();
  });

  test("the builder's parts are reached in the order in which they stand, and what is done is announced", async () => {
    const { page, context } = await open(browser, nexus.base, { width: 1440 });
    await page.goto(`/workflows/${ids.workflow}`);
    await page.locator('.nx-flow[data-nodes="2"]').waitFor();
    await page.getByRole("button", { name: "More", exact: true }).waitFor();
    const seen: string[] = [];
    for (let steps = 0; steps < 60; steps += 1) {
      await page.keyboard.press("Tab");
      const part = await page.evaluate(() => {
        const here = document.activeElement;
        if (here?.getAttribute("role") === "application") return "canvas";
        if (here?.closest('nav[aria-label="Main"]')) return "navigation";
        if (here?.closest("main header")) return "top bar";
        if (here?.closest('aside[aria-label="Add and outline"]')) return "left";
        if (here?.closest('section[aria-label^="Problems"]')) return "drawer";
        if (here?.closest('aside[aria-label="Properties"]')) return "properties";
        return null;
      });
      if (part !== null && seen.at(-1) !== part) seen.push(part);
      if (part === "properties") break;
    }
    expect(seen.filter((part, index) => seen.indexOf(part) === index)).toEqual([
      "navigation",
      "top bar",
      "left",
      "canvas",
      "drawer",
      "properties",
    ]);
    const said = (kind: string) => page.locator(`[data-said="${kind}"]`);
    await page.getByRole("application", { name: /^Canvas/ }).focus();
    await page.keyboard.press("ArrowRight");
    await said("node")
      .getByText("Write, Agent, openai/gpt-5.6-luna. Starts at once. Goes to Check.")
      .waitFor({ state: "attached" });
    await page.keyboard.press("ArrowRight");
    await said("node")
      .getByText(/^Check, Agent/)
      .waitFor({ state: "attached" });
    await page.keyboard.press("Delete");
    await said("action").getByText("Removed check. Undo with Control Z.").waitFor({ state: "attached" });
    await page.keyboard.press("ControlOrMeta+z");
    await said("action").getByText("Undone: Removed check.").waitFor({ state: "attached" });
    await page.locator('[data-save="saved"]').waitFor();
    await context.close();
  });

  test("single letters can be switched off", async () => {
    const { page, context } = await open(browser, nexus.base);
    await page.goto("/settings");
    await page.getByRole("checkbox", { name: "Single letters and digits do something" }).uncheck();
    await page.goto(`/workflows/${ids.workflow}`);
    await page.locator('.nx-flow[data-nodes="2"]').waitFor();
    await page.keyboard.press("n");
    await page.keyboard.press("ControlOrMeta+k");
    await page.getByRole("dialog", { name: "Commands" }).waitFor();
    expect(await page.getByRole("dialog", { name: "Add a node" }).count()).toBe(0);
    await context.close();
  });
});
