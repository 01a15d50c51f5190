// What axe cannot judge, measured: contrast of borders and of the focus, text at twice its size and with wider spacing,
// nothing that appears on hover alone or moves on focus, no motion for those who want none, the way out of code editors.
// docs/accessibility.md says which criterion each of these belongs to.
import type { Browser, Page } from "playwright-core";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { launch, open } from "./browser";
import { flowNode, opened, panel } from "./builder-page";
import { Nexus } from "./nexus";

let browser: Browser;
let nexus: Nexus;
const ids = { workflow: "", execution: "" };

const workflow = {
  schema_version: 1,
  name: "Audit",
  inputs: { type: "object", properties: { topic: { type: "string" } }, required: ["topic"] },
  graph: {
    nodes: [
      { id: "write", type: "tool", config: { tool: "template", template: "about {{ inputs.topic }}" } },
      { id: "count", type: "tool", config: { tool: "python", code: "def run(inputs):\n    return 1\n", inputs: {} } },
    ],
    edges: [{ id: "e1", source: "write", target: "count" }],
  },
};

beforeAll(async () => {
  browser = await launch();
  nexus = await Nexus.start();
  ids.workflow = (await nexus.api<{ id: string }>("POST", "/workflows", workflow)).id;
  const started = await nexus.api<{ execution_id: string }>("POST", `/workflows/${ids.workflow}/execute`, {
    inputs: { topic: "x" },
  });
  ids.execution = started.execution_id;
});

afterAll(async () => {
  await browser?.close();
  await nexus?.stop();
});

interface Where {
  name: string;
  path: () => string;
  ready: (page: Page) => Promise<unknown>;
}

const heading = (name: string | RegExp) => (page: Page) => page.getByRole("heading", { level: 1, name }).waitFor();

const PAGES: Where[] = [
  { name: "overview", path: () => "/", ready: (page) => page.getByRole("table", { name: "Latest runs" }).waitFor() },
  { name: "runs", path: () => "/executions", ready: (page) => page.getByRole("table").waitFor() },
  {
    name: "a run",
    path: () => `/workflows/${ids.workflow}/executions/${ids.execution}`,
    ready: (page) => page.locator('li[data-node="write"]').waitFor(),
  },
  { name: "scrapers", path: () => "/scrapers", ready: heading("Scrapers") },
  {
    name: "a new scraper",
    path: () => "/scrapers/new",
    ready: (page) => page.getByLabel("Address of the page").waitFor(),
  },
  { name: "models", path: () => "/models", ready: (page) => page.getByRole("table").first().waitFor() },
  { name: "settings", path: () => "/settings", ready: (page) => page.getByText("ready", { exact: true }).waitFor() },
];

const BUILDER: Where = {
  name: "the builder",
  path: () => `/workflows/${ids.workflow}`,
  ready: async (page) => {
    await opened(page, 2);
    await flowNode(page, "write").click();
    await panel(page).locator('[data-editor="template"]').waitFor();
  },
};

/** Contrast of two colours as they are on the screen, half-transparent ones laid over what is behind them. */
const COLOURS = `
  const parse = (text) => {
    const canvas = new OffscreenCanvas(1, 1).getContext("2d");
    canvas.fillStyle = text;
    canvas.fillRect(0, 0, 1, 1);
    return [...canvas.getImageData(0, 0, 1, 1).data];
  };
  const over = ([r, g, b, a], [x, y, z]) => [r, g, b].map((one, at) => (one * a + [x, y, z][at] * (255 - a)) / 255).concat(255);
  const behind = (element) => {
    if (!element) return [255, 255, 255, 255];
    const colour = parse(getComputedStyle(element).backgroundColor);
    return colour[3] === 255 ? colour : over(colour, behind(element.parentElement));
  };
  const light = (colour) => {
    const [r, g, b] = colour.map((one) => one / 255).map((one) => (one <= 0.04045 ? one / 12.92 : ((one + 0.055) / 1.055) ** 2.4));
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const contrast = (a, b) => {
    const [most, least] = [light(a), light(b)].sort((x, y) => y - x);
    return (most + 0.05) / (least + 0.05);
  };
  const named = (element) => element.getAttribute("aria-label") || element.id || element.outerHTML.slice(0, 120);
`;

describe.each(["light", "dark"] as const)("%s", (theme) => {
  test.each([...PAGES, BUILDER])("$name: fields can be told from what is around them (1.4.11)", async (where) => {
    const { page, context } = await open(browser, nexus.base, { theme });
    await page.goto(where.path());
    await where.ready(page);
    const faint = await page.evaluate(`(() => {
      ${COLOURS}
      const fields = document.querySelectorAll("input:not([type=checkbox]):not([type=radio]):not([type=range]), select, textarea, .nx-editor");
      return [...fields].filter((one) => one.checkVisibility() && getComputedStyle(one).borderTopWidth !== "0px" && parse(getComputedStyle(one).borderTopColor)[3] > 0).flatMap((one) => {
        const around = behind(one.parentElement);
        const ratio = contrast(over(parse(getComputedStyle(one).borderTopColor), around), around);
        return ratio < 3 ? [named(one) + " " + ratio.toFixed(2)] : [];
      });
    })()`);
    expect(faint).toEqual([]);
    await context.close();
  });

  test.each([...PAGES, BUILDER])(
    "$name: the focus is seen wherever it is, and changes nothing (2.4.7, 3.2.1)",
    async (where) => {
      const { page, context } = await open(browser, nexus.base, { theme });
      await page.goto(where.path());
      await where.ready(page);
      const before = page.url();
      const unseen = new Set<string>();
      let stops = 0;
      for (; stops < 60; stops += 1) {
        await page.keyboard.press("Tab");
        const here = (await page.evaluate(`(async () => {
        ${COLOURS}
        // colours change within a moment; what counts is where they arrive
        await Promise.allSettled(document.getAnimations().map((one) => one.finished));
        const element = document.activeElement;
        if (!element || element === document.body) return null;
        // a field's own outline, or that of the box that shows it
        const candidates = [element, element.closest(".nx-editor"), element.closest("[data-focus-ring]")].filter(Boolean);
        const seen = candidates.some((one) => {
          const style = getComputedStyle(one);
          const around = behind(one.parentElement);
          return style.outlineStyle !== "none" && parseFloat(style.outlineWidth) >= 2 && contrast(over(parse(style.outlineColor), around), around) >= 3;
        });
        return { seen, name: named(element), dialogs: document.querySelectorAll('[role="dialog"]').length };
      })()`)) as { seen: boolean; name: string; dialogs: number } | null;
        if (here === null) break;
        if (!here.seen) unseen.add(here.name);
        expect(here.dialogs, "a dialog opened on focus").toBe(0);
      }
      expect(stops).toBeGreaterThan(3);
      expect(page.url()).toBe(before);
      expect([...unseen]).toEqual([]);
      await context.close();
    },
  );
});

describe("text", () => {
  const CUT = `(() => {
    const cut = [];
    for (const one of document.querySelectorAll("button, label, h1, h2, h3, th, a, p")) {
      if (!one.checkVisibility() || one.closest(".sr-only") || one.classList.contains("sr-only")) continue;
      const style = getComputedStyle(one);
      if (style.overflow === "visible" || style.textOverflow === "ellipsis" || style.webkitLineClamp !== "none") continue;
      if (one.scrollWidth > one.clientWidth + 1 || one.scrollHeight > one.clientHeight + 1) cut.push(one.outerHTML.slice(0, 160));
    }
    const sideways = document.documentElement.scrollWidth - window.innerWidth;
    return sideways > 0 ? [...cut, "the page is " + sideways + " pixels too wide"] : cut;
  })()`;

  test.each(PAGES)("$name: at twice its size nothing is cut off (1.4.4)", async (where) => {
    const { page, context } = await open(browser, nexus.base, { width: 1280 });
    await page.goto(where.path());
    await where.ready(page);
    await page.addStyleTag({ content: "html { font-size: 200% !important; }" });
    expect(await page.evaluate(CUT)).toEqual([]);
    await context.close();
  });

  test.each(PAGES)("$name: with wider spacing nothing is cut off (1.4.12)", async (where) => {
    const { page, context } = await open(browser, nexus.base, { width: 1280 });
    await page.goto(where.path());
    await where.ready(page);
    await page.addStyleTag({
      content:
        "* { line-height: 1.5 !important; letter-spacing: 0.12em !important; word-spacing: 0.16em !important; } p { margin-bottom: 2em !important; }",
    });
    expect(await page.evaluate(CUT)).toEqual([]);
    await context.close();
  });
});

describe("pointer and motion", () => {
  test.each([...PAGES, BUILDER])("$name: nothing appears on hover alone (1.4.13)", async (where) => {
    const { page, context } = await open(browser, nexus.base);
    await page.goto(where.path());
    await where.ready(page);
    await page.waitForLoadState("networkidle");
    const shown = () =>
      page.evaluate(() => document.querySelectorAll('[role="tooltip"], [role="dialog"], [role="menu"]').length);
    const targets = await page.locator("main a, main button, main th, aside a").all();
    // biome-ignore lint/performance/useDomNodeTextContent: only what is seen counts
    const words = async () => (await page.locator("main").innerText()).replace(/\d+( [smhd])?( ago)?/g, "");
    for (const target of targets.slice(0, 40)) {
      if (!(await target.isVisible())) continue;
      const text = await words();
      await target.hover({ force: true });
      expect(await shown()).toBe(0);
      expect(await words()).toBe(text);
    }
    await context.close();
  });

  test.each([...PAGES, BUILDER])("$name: nothing moves for those who want no motion (2.2.2, 2.3.1)", async (where) => {
    const { page, context } = await open(browser, nexus.base);
    await page.goto(where.path());
    await where.ready(page);
    await page.waitForLoadState("networkidle");
    const moving = await page.evaluate(() =>
      document
        .getAnimations()
        .filter((one) => one.playState === "running")
        .map((one) => String(one.effect?.getComputedTiming().duration)),
    );
    expect(moving.filter((duration) => Number(duration) > 1)).toEqual([]);
    await context.close();
  });

  test("no field asks for a person's data without saying so (1.3.5)", async () => {
    const { page, context } = await open(browser, nexus.base);
    for (const where of [...PAGES, BUILDER]) {
      await page.goto(where.path());
      await where.ready(page);
      const asked = await page.evaluate(() =>
        [...document.querySelectorAll("input")]
          .filter(
            (one) => ["email", "tel", "password"].includes(one.type) || /e-?mail|phone|street|birth/i.test(one.name),
          )
          .filter((one) => one.autocomplete === "")
          .map((one) => one.outerHTML.slice(0, 120)),
      );
      expect(asked, where.name).toEqual([]);
    }
    await context.close();
  });
});

describe("code editors", () => {
  test("Tab leaves a template's editor; in Python it indents, and Escape, Tab leaves (2.1.2)", async () => {
    const { page, context } = await open(browser, nexus.base);
    await page.goto(`/workflows/${ids.workflow}`);
    await opened(page, 2);
    const inside = () => page.evaluate(() => document.activeElement?.closest("[data-editor]") !== null);
    await flowNode(page, "write").click();
    await panel(page).locator('[data-editor="template"] [contenteditable]').first().click();
    expect(await inside()).toBe(true);
    await page.keyboard.press("Escape");
    await page.keyboard.press("Tab");
    expect(await inside()).toBe(false);

    await flowNode(page, "count").click();
    const code = panel(page).locator('[data-editor="code"] [contenteditable]');
    await code.click();
    await page.keyboard.press("ControlOrMeta+End");
    await page.keyboard.press("Tab");
    expect(await inside()).toBe(true);
    await page.keyboard.press("Escape");
    await page.keyboard.press("Tab");
    expect(await inside()).toBe(false);
    await context.close();
  });
});
