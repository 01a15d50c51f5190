// The scraper pages in each of their states, in both themes and on a phone: no accessibility rule broken, nothing wider than
// the screen; what comes from strangers' pages appears as text; scrapers and Python in the builder, and in a run.
import type { Browser, Page } from "playwright-core";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { expectAccessible, launch, open } from "./browser";
import { field, flowNode, opened, panel, saved, stored, write } from "./builder-page";
import { Nexus } from "./nexus";
import { becomes, make } from "./scraper-jobs";
import { BOOKS, SCRIPT, Site } from "./site";

const HOSTILE = `title and price ${SCRIPT} \u202Eevil\u202C مرحبا`;

let browser: Browser;
let site: Site;
/** A site that never answers: what reads it is under way. */
let slow: Site;
let nexus: Nexus;
let empty: Nexus;
const ids = { ready: "", failed: "", hostile: "" };

beforeAll(async () => {
  browser = await launch();
  [site, slow] = await Promise.all([Site.start(), Site.start()]);
  slow.hold();
  [nexus, empty] = await Promise.all([Nexus.start({ NEXUS_EGRESS_ALLOW: `${site.host},${slow.host}` }), Nexus.start()]);
  ids.ready = await make(nexus, site.url("/books"), "title, price and rating of every book");
  ids.failed = await make(nexus, site.url("/login"), "orders of my account");
  ids.hostile = await make(nexus, site.url("/hostile"), HOSTILE);
  await becomes(nexus, ids.ready, "ready");
  await becomes(nexus, ids.failed, "failed");
  await becomes(nexus, ids.hostile, "ready");
  // a second version, so that there is a difference to look at
  await nexus.api("POST", `/scraping/jobs/${ids.ready}/regenerate`, { feedback: "also the link of the title" });
  await becomes(nexus, ids.ready, "ready");
});

afterAll(async () => {
  await browser?.close();
  await nexus?.stop();
  await empty?.stop();
  await site?.stop();
  await slow?.stop();
});

interface State {
  name: string;
  server?: () => Nexus;
  path: () => string | Promise<string>;
  ready: (page: Page) => Promise<unknown>;
}

const badge = (page: Page, word: string) => page.getByRole("heading", { level: 1 }).getByText(word, { exact: true });
const dialog = async (page: Page, button: string | RegExp) => {
  await page.getByRole("button", { name: button }).first().click();
  await page.getByRole("dialog").waitFor();
};

const STATES: State[] = [
  {
    name: "no scrapers",
    server: () => empty,
    path: () => "/scrapers",
    ready: (page) => page.getByText("No scrapers yet").waitFor(),
  },
  {
    name: "scrapers",
    path: () => "/scrapers",
    ready: async (page) => {
      await page.getByRole("link", { name: "orders of my account" }).waitFor();
      await page.getByRole("button", { name: "More for orders of my account" }).click();
      await page.getByRole("menuitem", { name: "Delete…" }).waitFor();
    },
  },
  {
    name: "nothing found",
    path: () => "/scrapers?q=zzz",
    ready: (page) => page.getByText("Nothing matches").waitFor(),
  },
  {
    name: "the overview with scrapers",
    path: () => "/",
    ready: (page) => page.getByRole("table", { name: "Latest scrapers" }).waitFor(),
  },
  {
    name: "a new scraper, with errors",
    path: () => "/scrapers/new",
    ready: async (page) => {
      await page.getByRole("button", { name: "Make the scraper" }).click();
      await page.getByText("Enter the address of the page").first().waitFor();
    },
  },
  {
    name: "a new scraper, with advice",
    path: () => "/scrapers/new",
    ready: async (page) => {
      await page.getByLabel("Address of the page").fill("example.com/report.pdf");
      await page.getByLabel("What you want from it").fill("all prices");
      await page.getByText("looks like a file").first().waitFor();
    },
  },
  {
    name: "being made",
    // the program does not wait for a site for ever
    path: async () => `/scrapers/${await make(nexus, slow.url(`/books?${Date.now()}`), "title of all the slow books")}`,
    ready: (page) => page.locator('li[data-step="analyzing"][data-state="current"]').waitFor(),
  },
  { name: "failed", path: () => `/scrapers/${ids.failed}`, ready: (page) => badge(page, "Failed").waitFor() },
  {
    name: "ready, tried, everything open",
    path: () => `/scrapers/${ids.ready}`,
    ready: async (page) => {
      await page.getByRole("button", { name: "Try it" }).click();
      await page.getByRole("table", { name: "Records of the answer" }).waitFor();
      await page.getByRole("button", { name: "Changes since version 1" }).click();
      for (const summary of await page.locator("main summary").all()) await summary.click();
      await page.getByRole("tab", { name: "Python" }).click();
    },
  },
  {
    name: "about to be written anew",
    path: () => `/scrapers/${ids.ready}`,
    ready: (page) => dialog(page, "Write anew"),
  },
  { name: "its schedule", path: () => `/scrapers/${ids.ready}`, ready: (page) => dialog(page, "Run by itself") },
  { name: "an attempt", path: () => `/scrapers/${ids.ready}`, ready: (page) => dialog(page, "Details of attempt 1") },
  { name: "about to be deleted", path: () => `/scrapers/${ids.ready}`, ready: (page) => dialog(page, "Delete") },
  {
    name: "no such scraper",
    path: () => "/scrapers/01990000-0000-7000-8000-000000000000",
    ready: (page) => page.getByText("This scraper does not exist").waitFor(),
  },
  { name: "hostile", path: () => `/scrapers/${ids.hostile}`, ready: (page) => badge(page, "Ready").waitFor() },
];

const LOOKS = [
  { theme: "light", width: 1280 },
  { theme: "dark", width: 1280 },
  { theme: "dark", width: 390 },
] as const;

describe.each(LOOKS)("$theme, $width pixels", ({ theme, width }) => {
  test.each(STATES)("$name", async ({ server = () => nexus, path, ready, name }) => {
    const { page, faults, context } = await open(browser, server().base, { theme, width, expected: /404/ });
    await page.goto(await path());
    await ready(page);
    const [content, screen] = await page.evaluate(() => [document.documentElement.scrollWidth, window.innerWidth]);
    expect(content, "no sideways scrolling").toBeLessThanOrEqual(screen ?? 0);
    await expectAccessible(page, `${name}, ${theme}, ${width}`);
    expect(faults).toEqual([]);
    await context.close();
  });
});

test("strangers' data, addresses and descriptions are text, and nothing of them runs", async () => {
  const { page, faults, context } = await open(browser, nexus.base);
  await page.goto(`/scrapers/${ids.hostile}`);
  await page.getByRole("table", { name: "Sample" }).getByText("<img src=x").first().waitFor();
  await page.getByRole("button", { name: "Try it" }).click();
  await page.getByRole("table", { name: "Records of the answer" }).getByText("<script>").first().waitFor();
  for (const summary of await page.locator("main summary").all()) await summary.click();
  await page.goto("/scrapers");
  await page.getByRole("link", { name: /<img src=x/ }).waitFor();
  expect(await page.evaluate(() => "hurt" in window)).toBe(false);
  expect(await page.locator('img[src="x"]').count()).toBe(0);
  expect(faults).toEqual([]);
  await context.close();
});

describe("in the builder", () => {
  test("a scraper is chosen among those that are ready, Python works on its records, and the run shows both", async () => {
    const { page, faults, context } = await open(browser, nexus.base, { width: 1440 });
    await page.goto("/workflows/new");
    await page.getByRole("heading", { name: "An empty canvas" }).waitFor();
    await page.keyboard.press("n");
    await page.getByRole("combobox", { name: "Add a node" }).fill("scraper");
    await page.keyboard.press("Enter");
    await flowNode(page, "scrape").waitFor();
    await panel(page)
      .getByRole("button", { name: /^Scraper required/ })
      .click();
    const choose = page.getByRole("dialog", { name: "Scraper" });
    await choose.getByRole("option", { name: /every book/ }).waitFor();
    expect(await choose.getByRole("option", { name: /orders of my account/ }).count()).toBe(0);
    await choose.getByRole("combobox").fill("every book");
    await page.keyboard.press("Enter");
    await panel(page).getByRole("link", { name: "Open the scraper" }).waitFor();

    await flowNode(page, "scrape").click();
    await page.keyboard.press("n");
    await page.getByRole("combobox", { name: "Add a node" }).fill("python");
    await page.keyboard.press("Enter");
    await opened(page, 2);
    await panel(page).locator('[data-editor="code"]').waitFor();
    await field(page, "New name in inputs of run").fill("books");
    await page.keyboard.press("Enter");
    await write(page, "Inputs of run: books", "{{ nodes.scrape.output.data | tojson }}");
    await write(
      page,
      "Code",
      "import json\n\n\ndef run(inputs):\n    return {'count': len(json.loads(inputs['books']))}\n",
    );
    await saved(page);
    const document = await stored(nexus, page);
    expect(document.graph.nodes.map((node) => node.config.tool)).toEqual(["scraper", "python"]);
    expect(document.graph.nodes[0]?.config.job_id).toBe(ids.ready);
    expect(document.graph.nodes[1]?.config.inputs).toEqual({ books: "{{ nodes.scrape.output.data | tojson }}" });
    expect(document.valid).not.toBe(false);
    await expectAccessible(page, "the builder, a Python node");

    await page.getByRole("button", { name: "Run", exact: true }).click();
    await page.getByRole("dialog").getByRole("button", { name: "Run", exact: true }).click();
    await page.getByRole("region", { name: "Run on the canvas" }).getByText("Succeeded", { exact: true }).waitFor();
    await flowNode(page, "python").click();
    await page.getByRole("tab", { name: "Output" }).click();
    await page.getByRole("region", { name: "Output" }).getByText(`"count": ${BOOKS.length}`).waitFor();
    expect(faults).toEqual([]);
    await context.close();
  });
});
