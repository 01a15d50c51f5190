// Scrapers as people make them: from an address and a sentence over live progress to an endpoint that is tried, downloaded
// and tested; failures and what to do about them; through a crash of the server. The site is the tests' own.
import { readFile } from "node:fs/promises";
import type { Browser, Page } from "playwright-core";
import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
import { launch, open } from "./browser";
import { Nexus } from "./nexus";
import { becomes, make } from "./scraper-jobs";
import { BOOKS, Site } from "./site";

const WANTED = "title, price and rating of every book";

let browser: Browser;
let site: Site;
let nexus: Nexus;

beforeAll(async () => {
  browser = await launch();
  site = await Site.start();
  nexus = await Nexus.start(site.env);
});

afterAll(async () => {
  await browser?.close();
  await nexus?.stop();
  await site?.stop();
});

afterEach(() => {
  site.release();
  site.broken = false;
});

const badge = (page: Page, word: string) => page.getByRole("heading", { level: 1 }).getByText(word, { exact: true });
const step = (page: Page, key: string, state: string) => page.locator(`li[data-step="${key}"][data-state="${state}"]`);
const said = (page: Page) => page.locator("[data-announcer]");

async function mark(page: Page): Promise<void> {
  await page.evaluate(() => {
    Object.assign(window, { sameDocument: true });
  });
}
const sameDocument = (page: Page) => page.evaluate(() => "sameDocument" in window);

describe("making one", () => {
  test("from the empty list to a ready endpoint, live, and everything that can be done with it", async () => {
    const { page, faults, context } = await open(browser, nexus.base);
    await context.grantPermissions(["clipboard-read", "clipboard-write"]);
    await page.goto("/scrapers");
    await page.getByText("No scrapers yet").waitFor();
    await mark(page);
    await page.getByRole("link", { name: "Make a scraper" }).click();

    // judged while it is typed: half an address is no mistake until somebody pauses
    const url = page.getByLabel("Address of the page");
    const wanted = page.getByLabel("What you want from it");
    await url.fill("ftp://example.com");
    await page.getByText("Only http and https can be scraped", { exact: false }).first().waitFor();
    expect(await url.getAttribute("aria-invalid")).toBe("true");
    await page.getByRole("button", { name: "Make the scraper" }).click();
    await page.locator('input[name="url"]:focus').waitFor();
    await url.fill(site.url("/books"));
    await page.getByText("NEXUS_EGRESS_ALLOW names it").first().waitFor();
    await page.getByRole("button", { name: "Make the scraper" }).click();
    await page.getByText("Say what you want from the page").first().waitFor();
    await page.locator('textarea[name="description"]:focus').waitFor();
    await wanted.fill("books");
    await page.getByText("Name the fields").waitFor();
    await page.getByRole("button", { name: WANTED }).click();
    expect(await wanted.inputValue()).toBe(WANTED);

    // the site keeps it waiting, so its making can be looked at
    site.hold();
    await page.getByRole("button", { name: "Make the scraper" }).click();
    await page.waitForURL(/\/scrapers\/[0-9a-f-]{36}$/);
    await step(page, "analyzing", "current").waitFor();
    expect(await page.getByRole("progressbar", { name: "Progress" }).getAttribute("aria-valuenow")).toBe("20");
    await said(page)
      .getByText(/^Analyzing\./)
      .waitFor({ state: "attached" });
    await page.reload();
    await step(page, "analyzing", "current").waitFor();
    await mark(page);
    site.release();
    await badge(page, "Ready").waitFor();
    await said(page).getByText("The scraper is ready.").waitFor({ state: "attached" });
    expect(await sameDocument(page)).toBe(true);

    // the sample and the analysis
    const sample = page.getByRole("table", { name: "Sample" });
    await sample.getByRole("cell", { name: BOOKS[0]?.title ?? "", exact: true }).waitFor();
    await sample.getByRole("cell", { name: BOOKS[0]?.price ?? "", exact: true }).waitFor();
    await page.getByText("A list: many records of a kind").waitFor();
    await page
      .getByRole("region", { name: /^Code, version 1/ })
      .getByText("scrape_data")
      .first()
      .waitFor();

    // trying it: a part, all of it, wrong numbers
    const tryIt = page.getByRole("form", { name: "Try the endpoint" });
    await tryIt.getByLabel("Limit").fill("0");
    await tryIt.getByText("A whole number from 1.").waitFor();
    await tryIt.getByLabel("Limit").fill("3");
    await tryIt.getByLabel("Offset").fill("2");
    await tryIt.getByRole("button", { name: "Try it" }).click();
    const answer = page.getByRole("table", { name: "Records of the answer" });
    await answer.getByRole("cell", { name: BOOKS[2]?.title ?? "", exact: true }).waitFor();
    expect(await answer.locator("tbody tr").count()).toBe(3);
    await page.getByText(`3 of ${BOOKS.length} records`).waitFor();
    await page.getByRole("button", { name: "As JSON" }).click();
    await page.getByRole("region", { name: "Answer" }).getByText('"source_url"').waitFor();

    // calling it from elsewhere
    await page.getByRole("tab", { name: "curl" }).click();
    await page.getByRole("button", { name: "Copy the curl snippet" }).click();
    const snippet = await page.evaluate(() => navigator.clipboard.readText());
    const id = new URL(page.url()).pathname.split("/").at(-1) ?? "";
    expect(snippet).toContain(`${nexus.base}/api/v1/generated/${id}?limit=3&offset=2`);
    const called = await fetch(/'(http[^']+)'/.exec(snippet)?.[1] ?? "");
    const { data } = (await called.json()) as { data: { title: string }[] };
    expect(data.map((book) => book.title)).toEqual(BOOKS.slice(2, 5).map((book) => book.title));
    for (const language of ["Python", "TypeScript"]) {
      await page.getByRole("tab", { name: language }).click();
      await page.getByRole("tabpanel", { name: language }).getByText(`/api/v1/generated/${id}?limit=3`).waitFor();
    }

    // all records as files
    const files: Record<string, string> = {};
    for (const format of ["JSON", "CSV"]) {
      await page.getByRole("button", { name: "Download" }).first().click();
      const coming = page.waitForEvent("download");
      await page.getByRole("menuitem", { name: `All records as ${format}` }).click();
      const file = await coming;
      expect(file.suggestedFilename()).toBe(`title-price-and-rating-of-every-book.${format.toLowerCase()}`);
      files[format] = await readFile(await file.path(), "utf8");
    }
    const books = JSON.parse(files.JSON ?? "") as Record<string, unknown>[];
    expect(books.map((book) => [book.title, book.price])).toEqual(BOOKS.map((book) => [book.title, book.price]));
    expect(files.CSV?.trim().split(/\r?\n/)).toHaveLength(BOOKS.length + 1);
    expect(files.CSV).toContain(BOOKS[15]?.price);

    // testing it now, and what that does to its health
    await page.getByRole("button", { name: "Test now" }).click();
    await page.getByText(`It works: ${BOOKS.length} records`).waitFor();
    const runs = page.getByRole("list", { name: "Latest runs" });
    await runs.getByText("by a test").first().waitFor();
    await page.getByText("Healthy", { exact: true }).waitFor();

    // it stands in the lists
    await page.getByRole("link", { name: "Scrapers", exact: true }).first().click();
    const list = page.getByRole("table", { name: "All scrapers" });
    await list.getByRole("link", { name: WANTED }).waitFor();
    await list.getByText("Healthy", { exact: true }).waitFor();
    await page.getByRole("link", { name: "Overview" }).first().click();
    await page.getByRole("table", { name: "Latest scrapers" }).getByRole("link", { name: WANTED }).click();
    await badge(page, "Ready").waitFor();
    expect(await sameDocument(page)).toBe(true);
    expect(faults).toEqual([]);
    await context.close();
  });

  test("the server is killed while it is made: the page catches up without a reload", async () => {
    const { page, faults, context } = await open(browser, nexus.base, { expected: /ERR_CONNECTION|WebSocket/ });
    site.hold();
    const id = await make(nexus, site.url("/books?again"), WANTED);
    await page.goto(`/scrapers/${id}`);
    await step(page, "analyzing", "current").waitFor();
    await mark(page);
    await nexus.kill();
    await page
      .getByRole("status")
      .getByText(/^Reconnecting/)
      .first()
      .waitFor();
    site.release();
    await nexus.run();
    await badge(page, "Ready").waitFor();
    expect(await sameDocument(page)).toBe(true);
    expect(faults).toEqual([]);
    await context.close();
  });
});

describe("failing", () => {
  test("says what happened and what to do; it can be tried again, and mended", async () => {
    const { page, faults, context } = await open(browser, nexus.base);
    const id = await make(nexus, site.url("/login"), "orders of my account");
    await page.goto(`/scrapers/${id}`);
    await badge(page, "Failed").waitFor();
    await step(page, "analyzing", "failed").waitFor();
    await page.getByText("WebsiteAccessError").waitFor();
    await page.getByText("What to do:").waitFor();

    await page.getByRole("button", { name: "Try again" }).click();
    await page.getByRole("button", { name: "Starting…" }).waitFor({ state: "detached" });
    await badge(page, "Failed").waitFor();

    await page.getByRole("link", { name: "Change address or description" }).click();
    const url = page.getByLabel("Address of the page");
    expect(await url.inputValue()).toBe(site.url("/login"));
    expect(await page.getByLabel("What you want from it").inputValue()).toBe("orders of my account");
    await url.fill(site.url("/books"));
    await page.getByLabel("What you want from it").fill("title and price of the books");
    await page.getByLabel("What you want from it").press("Control+Enter");
    await page.waitForURL((now) => /\/scrapers\/[0-9a-f-]{36}$/.test(now.pathname) && !now.pathname.endsWith(id));
    await badge(page, "Ready").waitFor();
    expect(faults).toEqual([]);
    await context.close();
  });

  test("a page that is not there, a refusal of the server at its field, a site that went away", async () => {
    const { page, faults, context } = await open(browser, nexus.base, { expected: /4\d\d|503/ });
    await page.goto(`/scrapers/${await make(nexus, site.url("/nothing"), "all the books there are")}`);
    await badge(page, "Failed").waitFor();
    await page.getByText(/404/).first().waitFor();

    const id = await make(nexus, site.url("/books"), WANTED);
    await becomes(nexus, id, "ready");
    site.broken = true;
    await page.goto(`/scrapers/${id}`);
    await page.getByRole("button", { name: "Test now" }).click();
    await page.getByText("It does not work").waitFor();
    site.broken = false;
    await page.goto("/scrapers/01990000-0000-7000-8000-000000000000");
    await page.getByText("This scraper does not exist").waitFor();
    expect(faults).toEqual([]);
    await context.close();
  });
});
