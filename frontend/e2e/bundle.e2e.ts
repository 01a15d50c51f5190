// What each page really loads before it can be used: every script that the browser asked for until the page was drawn and
// at rest (hooks/use-later), gzipped as the server could send it. Prints the sizes; the builder may have 320 kB, every other page 230 kB.
import { gzipSync } from "node:zlib";
import type { Browser, Page, Response } from "playwright-core";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { launch, open } from "./browser";
import { largeWorkflow } from "./builder-page";
import { Nexus } from "./nexus";
import { becomes, make } from "./scraper-jobs";
import { Site } from "./site";

const LIMIT_KB = 230;
const BUILDER_KB = 320;

let browser: Browser;
let nexus: Nexus;
let site: Site;
const ids = { workflow: "", execution: "", scraper: "" };

beforeAll(async () => {
  browser = await launch();
  site = await Site.start();
  nexus = await Nexus.start(site.env);
  ids.workflow = (await nexus.api<{ id: string }>("POST", "/workflows", largeWorkflow("Bundle", 3))).id;
  const started = await nexus.api<{ execution_id: string }>("POST", `/workflows/${ids.workflow}/execute`, {});
  ids.execution = started.execution_id;
  ids.scraper = await make(nexus, site.url("/books"), "title and price of the books");
  await becomes(nexus, ids.scraper, "ready");
});

afterAll(async () => {
  await browser?.close();
  await nexus?.stop();
  await site?.stop();
});

interface Measured {
  name: string;
  path: () => string;
  ready: (page: Page) => Promise<unknown>;
  limit?: number;
}

const canvas = (page: Page) => page.locator('.nx-flow[data-nodes="3"] .react-flow__node').first().waitFor();

const PAGES: Measured[] = [
  { name: "overview", path: () => "/", ready: (page) => page.getByRole("link", { name: "Bundle" }).first().waitFor() },
  { name: "runs", path: () => "/executions", ready: (page) => page.getByRole("table").waitFor() },
  { name: "models", path: () => "/models", ready: (page) => page.getByRole("table").first().waitFor() },
  { name: "settings", path: () => "/settings", ready: (page) => page.getByText("ready", { exact: true }).waitFor() },
  {
    name: "a run",
    path: () => `/workflows/${ids.workflow}/executions/${ids.execution}`,
    ready: (page) => page.getByRole("heading", { level: 1 }).getByText("Succeeded").waitFor(),
  },
  {
    name: "comparing",
    path: () => `/executions/compare?a=${ids.execution}&b=${ids.execution}`,
    ready: (page) => page.getByRole("heading", { level: 1, name: "Two runs compared" }).waitFor(),
  },
  { name: "scrapers", path: () => "/scrapers", ready: (page) => page.getByRole("table").waitFor() },
  {
    name: "new scraper",
    path: () => "/scrapers/new",
    ready: (page) => page.getByLabel("Address of the page").waitFor(),
  },
  {
    name: "a scraper",
    path: () => `/scrapers/${ids.scraper}`,
    ready: (page) => page.getByRole("heading", { level: 1 }).getByText("Ready").waitFor(),
  },
  { name: "builder", path: () => `/workflows/${ids.workflow}`, ready: canvas, limit: BUILDER_KB },
  {
    name: "new workflow",
    path: () => "/workflows/new",
    ready: (page) => page.getByRole("heading", { name: "An empty canvas" }).waitFor(),
    limit: BUILDER_KB,
  },
];

describe("the scripts of", () => {
  test.each(PAGES)("$name", async ({ name, path, ready, limit = LIMIT_KB }) => {
    const { page, context } = await open(browser, nexus.base);
    const responses = new Map<string, Response>();
    page.on("response", (response) => {
      const { pathname } = new URL(response.url());
      if (pathname.endsWith(".js") && !responses.has(pathname)) responses.set(pathname, response);
    });
    await page.goto(path());
    await ready(page);
    // pages that put something off say from when on; the others count with everything they have loaded
    const first = await page.evaluate(() => {
      const mark = performance.getEntriesByName("nexus-later")[0];
      return performance
        .getEntriesByType("resource")
        .filter((entry) => entry.startTime < (mark?.startTime ?? Number.POSITIVE_INFINITY))
        .map((entry) => new URL(entry.name).pathname)
        .filter((pathname) => pathname.endsWith(".js"));
    });
    const sizes = new Map<string, number>();
    for (const pathname of first) {
      const body = await responses.get(pathname)?.body();
      if (body) sizes.set(pathname, gzipSync(body, { level: 9 }).length);
    }
    const kb = [...sizes.values()].reduce((sum, size) => sum + size, 0) / 1000;
    console.log(`${kb.toFixed(1).padStart(7)} kB of ${limit}  ${name} (${sizes.size} scripts)`);
    expect(kb, `${name}, kB of scripts`).toBeLessThanOrEqual(limit);
    await context.close();
  });
});
