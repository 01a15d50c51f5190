// Living with a scraper: written anew, put on a schedule, searched for, deleted, and all of it without a mouse. Not here: how
// one is made (scrapers).
import type { Browser, Page } from "playwright-core";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { launch, open } from "./browser";
import { Nexus } from "./nexus";
import { becomes, make } from "./scraper-jobs";
import { Site } from "./site";

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

const badge = (page: Page, word: string) => page.getByRole("heading", { level: 1 }).getByText(word, { exact: true });

describe("living with one", () => {
  test("written anew with what is wrong in words; versions and their difference", async () => {
    const { page, faults, context } = await open(browser, nexus.base);
    const id = await make(nexus, site.url("/books"), "title of every book");
    await becomes(nexus, id, "ready");
    await page.goto(`/scrapers/${id}`);
    await page.getByRole("button", { name: "Write anew" }).click();
    const dialog = page.getByRole("dialog", { name: "Write it anew" });
    await dialog.getByLabel("What should be different?").fill("the price is missing");
    await dialog.getByRole("button", { name: "Write it anew" }).click();
    await dialog.waitFor({ state: "detached" });
    await badge(page, "Ready").waitFor();
    await page.getByText("version 2", { exact: false }).first().waitFor();
    await page.getByRole("button", { name: "Changes since version 1" }).click();
    const difference = page.getByRole("region", { name: "Changes from version 1 to 2" });
    await difference.locator('[data-change="added"]').getByText("price").first().waitFor();
    await page.getByRole("combobox", { name: "Version" }).selectOption({ label: "Version 1" });
    await page.getByRole("region", { name: "Code, version 1" }).waitFor();
    await page.getByText("Asked for besides the description:").waitFor();
    await page.getByText("the price is missing", { exact: true }).waitFor();
    expect(faults).toEqual([]);
    await context.close();
  });

  test("a schedule is set, changed and stopped", async () => {
    const { page, faults, context } = await open(browser, nexus.base);
    const id = await make(nexus, site.url("/books"), WANTED);
    await becomes(nexus, id, "ready");
    await page.goto(`/scrapers/${id}`);
    await page.getByRole("button", { name: "Run by itself" }).click();
    const dialog = page.getByRole("dialog", { name: "Run by itself" });
    await dialog.getByLabel("Tell this address about changes").fill("not an address");
    await dialog.getByText("not a complete address").waitFor();
    await dialog.getByLabel("Tell this address about changes").fill(site.url("/hook"));
    await dialog.getByLabel("How often").selectOption({ label: "every 6 hours" });
    await dialog.getByRole("button", { name: "Save" }).click();
    await page.getByText("every 6 hours", { exact: false }).first().waitFor();
    await page.getByText(site.url("/hook")).waitFor();
    await page.getByRole("button", { name: "Change", exact: true }).click();
    await dialog.getByLabel("How often").selectOption({ label: "every day" });
    await dialog.getByRole("button", { name: "Save" }).click();
    await page.getByText("every day", { exact: false }).first().waitFor();
    await page.getByText(site.url("/hook")).waitFor();
    await page.getByRole("button", { name: "Stop", exact: true }).click();
    await page.getByRole("button", { name: "Run by itself" }).waitFor();
    expect(faults).toEqual([]);
    await context.close();
  });

  test("searched, paged, deleted after asking", async () => {
    const { page, faults, context } = await open(browser, nexus.base);
    const id = await make(nexus, site.url("/nothing"), "needles in the haystack");
    await becomes(nexus, id, "failed");
    await page.goto("/scrapers");
    await page.getByRole("searchbox", { name: "Search scrapers" }).fill("needles");
    await page.waitForURL("**/scrapers?q=needles");
    const list = page.getByRole("table", { name: "All scrapers" });
    await list.getByRole("link", { name: WANTED }).first().waitFor({ state: "detached" });
    await list.getByRole("link", { name: "needles in the haystack" }).waitFor();
    await page.getByRole("button", { name: "More for needles in the haystack" }).click();
    await page.getByRole("menuitem", { name: "Delete…" }).click();
    const dialog = page.getByRole("dialog", { name: /^Delete “needles/ });
    await dialog.getByRole("button", { name: "Keep" }).click();
    await dialog.waitFor({ state: "detached" });
    await page.getByRole("button", { name: "More for needles in the haystack" }).click();
    await page.getByRole("menuitem", { name: "Delete…" }).click();
    await dialog.getByRole("button", { name: "Delete" }).click();
    await page.getByText("Nothing matches “needles”").waitFor();
    await page.getByText("Deleted “needles in the haystack”.").waitFor();
    await page.goto("/scrapers?q=zzz");
    await page.getByText("Nothing matches “zzz”").waitFor();
    expect(faults).toEqual([]);
    await context.close();
  });

  test("made, tried and deleted with the keyboard alone", async () => {
    const { page, faults, context } = await open(browser, nexus.base);
    await page.goto("/scrapers/new");
    await page.getByLabel("Address of the page").waitFor();
    const press = async (...keys: string[]) => {
      for (const key of keys) await page.keyboard.press(key);
    };
    /** Tab until the focus is where it should be: the way there must exist, and must not be long. */
    const tabTo = async (selector: string, most = 40) => {
      for (let steps = 0; steps < most; steps += 1) {
        if (await page.evaluate((one) => document.activeElement?.matches(one) ?? false, selector)) return;
        await press("Tab");
      }
      throw new Error(`Tab does not reach ${selector}`);
    };
    await tabTo('input[name="url"]');
    await page.keyboard.type(site.url("/books"));
    await tabTo('textarea[name="description"]');
    await page.keyboard.type("title and price of the books by keyboard");
    await press("Control+Enter");
    await page.waitForURL(/\/scrapers\/[0-9a-f-]{36}$/);
    await badge(page, "Ready").waitFor();
    await tabTo('[role="tab"]');
    await press("Tab");
    await tabTo('form[aria-label="Try the endpoint"] button[type="submit"]');
    await press("Enter");
    await page.getByRole("table", { name: "Records of the answer" }).waitFor();
    const text = () => page.evaluate(() => document.activeElement?.textContent);
    for (let steps = 0; steps < 40 && (await text()) !== "Delete"; steps += 1) await press("Shift+Tab");
    expect(await text()).toBe("Delete");
    await press("Enter");
    await page.getByRole("dialog").waitFor();
    await tabTo('[role="dialog"] footer button:last-child');
    await press("Enter");
    await page.waitForURL("**/scrapers");
    await page.getByRole("heading", { level: 1, name: "Scrapers" }).waitFor();
    await page.getByRole("link", { name: "title and price of the books by keyboard" }).waitFor({ state: "detached" });
    expect(faults).toEqual([]);
    await context.close();
  });
});
