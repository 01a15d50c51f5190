// Screenshots of every page, light and dark, wide and on a phone, into docs/screenshots: `make screenshots`. The program is
// the real one, on its demo models, so that what is shown is what everybody sees at first.
import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import type { Browser, Page } from "playwright-core";
import { afterAll, beforeAll, test } from "vitest";
import examples from "../lib/generated/examples.json";
import { launch, open } from "./browser";
import { Nexus } from "./nexus";
import { becomes, make } from "./scraper-jobs";
import { Site } from "./site";

const TARGET = process.env.SCREENSHOTS_DIR ?? join(import.meta.dirname, "../../docs/screenshots");

let browser: Browser;
let nexus: Nexus;
let empty: Nexus;
let site: Site;
/** Keeps whoever reads it waiting. */
let slow: Site;
const ids = {
  triage: "",
  brief: "",
  runs: [] as string[],
  stopped: "",
  scraper: "",
  failed: "",
};

async function scrape(): Promise<void> {
  ids.scraper = await make(nexus, site.url("/books"), "title of every book");
  ids.failed = await make(nexus, site.url("/login"), "orders of my account");
  await becomes(nexus, ids.scraper, "ready");
  await nexus.api("POST", `/scraping/jobs/${ids.scraper}/regenerate`, { feedback: "also the price and the rating" });
  await becomes(nexus, ids.scraper, "ready");
  await becomes(nexus, ids.failed, "failed");
}

interface Example {
  slug: string;
  document: { name: string; inputs?: { properties?: Record<string, { examples?: unknown[] }> } };
}

async function ended(id: string): Promise<void> {
  const headers = { accept: "text/event-stream" };
  await (await fetch(`${nexus.base}/api/v1/executions/${id}/events`, { headers })).text();
}

async function execute(workflow: string, inputs: object, budget?: object): Promise<string> {
  const body = { inputs, ...(budget ? { budget } : {}) };
  const started = await nexus.api<{ execution_id: string }>("POST", `/workflows/${workflow}/execute`, body);
  await ended(started.execution_id);
  return started.execution_id;
}

beforeAll(async () => {
  await mkdir(TARGET, { recursive: true });
  browser = await launch();
  [site, slow] = await Promise.all([Site.start(), Site.start()]);
  slow.hold();
  [nexus, empty] = await Promise.all([Nexus.start({ NEXUS_EGRESS_ALLOW: `${site.host},${slow.host}` }), Nexus.start()]);
  await scrape();
  for (const { slug, document } of examples as unknown as Example[]) {
    const { id } = await nexus.api<{ id: string }>("POST", "/workflows", document);
    const inputs = Object.fromEntries(
      Object.entries(document.inputs?.properties ?? {}).flatMap(([name, schema]) =>
        schema.examples?.[0] === undefined ? [] : [[name, schema.examples[0]]],
      ),
    );
    if (slug === "research-brief") {
      ids.brief = id;
      ids.runs.push(await execute(id, inputs), await execute(id, { ...inputs, topic: "Tides" }));
      ids.stopped = await execute(id, inputs, { limit_usd: 0.0001 });
    } else {
      if (slug === "support-triage") ids.triage = id;
      await execute(id, inputs);
    }
  }
});

afterAll(async () => {
  await browser?.close();
  await nexus?.stop();
  await empty?.stop();
  await site?.stop();
  await slow?.stop();
});

interface Shot {
  name: string;
  server?: () => Nexus;
  path: () => string | Promise<string>;
  ready: (page: Page, phone: boolean) => Promise<unknown>;
  /** Only for wide screens. */
  wide?: boolean;
}

const drawn = (page: Page) => page.locator(".react-flow__node").first().waitFor();

const SHOTS: Shot[] = [
  {
    name: "start",
    server: () => empty,
    path: () => "/",
    ready: (page) => page.getByRole("heading", { name: "Start with a template" }).waitFor(),
  },
  { name: "overview", path: () => "/", ready: (page) => page.getByRole("table", { name: "Latest runs" }).waitFor() },
  {
    name: "builder",
    path: () => `/workflows/${ids.triage}`,
    ready: async (page, phone) => {
      await drawn(page);
      if (phone) return;
      await page.locator('.react-flow__node[data-id="classify"]').click();
      await page.locator('[data-editor="template"]').first().waitFor();
      await page.getByRole("button", { name: /Estimate of a run/ }).waitFor();
    },
  },
  {
    name: "builder-run",
    wide: true,
    path: () => `/workflows/${ids.brief}`,
    ready: async (page) => {
      await drawn(page);
      await page.getByRole("tab", { name: "Runs" }).click();
      await page.getByRole("button", { name: "Show", exact: true }).last().click();
      await page.getByRole("region", { name: "Run on the canvas" }).getByText("Succeeded", { exact: true }).waitFor();
      await page.getByRole("button", { name: "Close the lower part" }).click();
      await page.locator('.react-flow__node[data-id="review"]').click();
      await page.getByRole("tab", { name: "Output" }).click();
      await page.getByRole("button", { name: "Zoom to fit" }).click();
    },
  },
  {
    name: "commands",
    wide: true,
    path: () => `/workflows/${ids.triage}`,
    ready: async (page) => {
      await drawn(page);
      await page.keyboard.press("ControlOrMeta+k");
      await page.getByRole("dialog", { name: "Commands" }).waitFor();
    },
  },
  {
    name: "run-dialog",
    path: () => `/workflows/${ids.triage}`,
    ready: async (page) => {
      await drawn(page);
      await page.getByRole("button", { name: "Run", exact: true }).click();
      await page.getByRole("region", { name: "Estimate" }).waitFor();
    },
  },
  {
    name: "run",
    path: () => `/workflows/${ids.brief}/executions/${ids.runs[0]}`,
    ready: async (page) => {
      await drawn(page);
      await page.locator('li[data-node="draft"] button').click();
    },
  },
  {
    name: "run-stopped",
    path: () => `/workflows/${ids.brief}/executions/${ids.stopped}`,
    ready: (page) => drawn(page),
  },
  {
    name: "compare",
    path: () => `/executions/compare?a=${ids.runs[0]}&b=${ids.runs[1]}`,
    ready: (page) => page.getByRole("list", { name: "Nodes compared" }).waitFor(),
  },
  { name: "runs", path: () => "/executions", ready: (page) => page.getByRole("table").waitFor() },
  {
    name: "scrapers",
    path: () => "/scrapers",
    ready: (page) => page.getByRole("link", { name: "title of every book" }).waitFor(),
  },
  {
    name: "scraper-new",
    path: () => "/scrapers/new",
    ready: async (page) => {
      await page.getByLabel("Address of the page").fill("https://example.com/books");
      await page.getByRole("button", { name: "title, price and rating of every book" }).click();
      await page.getByText("It asks for everything").waitFor();
    },
  },
  {
    name: "scraper-making",
    // the program does not wait for a site for ever
    path: async () =>
      `/scrapers/${await make(nexus, slow.url(`/shops?${Date.now()}`), "name and opening hours of each shop")}`,
    ready: (page) => page.locator('li[data-step="analyzing"][data-state="current"]').waitFor(),
  },
  {
    name: "scraper-failed",
    path: () => `/scrapers/${ids.failed}`,
    ready: (page) => page.getByRole("button", { name: "Try again" }).waitFor(),
  },
  {
    name: "scraper",
    path: () => `/scrapers/${ids.scraper}`,
    ready: async (page) => {
      await page.getByRole("button", { name: "Try it" }).click();
      await page.getByRole("table", { name: "Records of the answer" }).waitFor();
    },
  },
  {
    name: "scraper-code",
    wide: true,
    path: () => `/scrapers/${ids.scraper}`,
    ready: async (page) => {
      await page.getByRole("button", { name: "Changes since version 1" }).click();
      await page.getByRole("heading", { name: "Code" }).scrollIntoViewIfNeeded();
      await page.mouse.wheel(0, 2_000);
    },
  },
  { name: "models", path: () => "/models", ready: (page) => page.getByRole("table").first().waitFor() },
  { name: "settings", path: () => "/settings", ready: (page) => page.getByText("ready", { exact: true }).waitFor() },
];

const WIDTHS = { wide: 1440, phone: 390 };

for (const theme of ["light", "dark"] as const) {
  for (const [size, width] of Object.entries(WIDTHS)) {
    test.each(SHOTS.filter((shot) => size === "wide" || shot.wide !== true))(
      `$name, ${theme}, ${size}`,
      async ({ name, server = () => nexus, path, ready }) => {
        const { page, context } = await open(browser, server().base, { theme, width });
        await page.goto(await path());
        await ready(page, size === "phone");
        // what is put off until the page is at rest has come, and what moves has arrived
        await page.waitForLoadState("networkidle");
        await page.waitForTimeout(600);
        await page.screenshot({ path: join(TARGET, `${name}-${theme}-${size}.png`) });
        await context.close();
      },
    );
  }
}
