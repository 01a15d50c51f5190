// A browser that remembers everything that must not happen: console errors, uncaught errors, policy violations, requests to
// other hosts.
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { type Browser, type BrowserContext, chromium, type Page } from "playwright-core";
import { expect } from "vitest";

const AXE = readFileSync(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");

export async function launch(): Promise<Browser> {
  return chromium.launch({
    executablePath: process.env.CHROMIUM_BIN ?? "/usr/bin/chromium",
    args: ["--no-sandbox", "--disable-dev-shm-usage"],
  });
}

export interface Watched {
  context: BrowserContext;
  page: Page;
  /** What went wrong so far. */
  faults: string[];
}

export interface OpenOptions {
  theme?: "light" | "dark";
  width?: number;
  /** Console errors that the test provokes, such as a refused connection. */
  expected?: RegExp;
}

export async function open(browser: Browser, base: string, options: OpenOptions = {}): Promise<Watched> {
  const context = await browser.newContext({
    baseURL: base,
    viewport: { width: options.width ?? 1280, height: 900 },
    colorScheme: options.theme ?? "light",
    reducedMotion: "reduce",
  });
  const page = await context.newPage();
  page.setDefaultTimeout(20_000);
  const faults: string[] = [];
  page.on("console", (message) => {
    if (message.type() !== "error" && !/Content Security Policy/i.test(message.text())) return;
    // whether a server can estimate is no fault of the page, which says so
    if (/\b501\b/.test(message.text()) && message.location().url.endsWith("/estimate")) return;
    // nor is a scraper that does not run by itself
    if (/\b404\b/.test(message.text()) && message.location().url.endsWith("/schedule")) return;
    if (!options.expected?.test(message.text())) faults.push(`console: ${message.text()}`);
  });
  page.on("pageerror", (error) => faults.push(`error: ${error.message}`));
  page.on("request", (request) => {
    const { protocol, host } = new URL(request.url());
    const own = protocol === "data:" || protocol === "blob:" || host === new URL(base).host;
    if (!own) faults.push(`foreign request: ${request.url()}`);
  });
  await page.addInitScript(() => {
    document.addEventListener("securitypolicyviolation", (event) => {
      console.error(`Content Security Policy: ${event.violatedDirective} ${event.blockedURI}`);
    });
  });
  return { context, page, faults };
}

interface AxeResult {
  violations: { id: string; help: string; nodes: { html: string; failureSummary?: string }[] }[];
}

/** No accessibility rule may be broken, in the state in which the page is now. */
export async function expectAccessible(page: Page, where: string): Promise<void> {
  await page.evaluate(AXE);
  const result = (await page.evaluate("axe.run(document, { resultTypes: ['violations'] })")) as AxeResult;
  const told = result.violations.map(
    (violation) =>
      `${violation.id}: ${violation.help}\n${violation.nodes.map((node) => `  ${node.html}\n  ${node.failureSummary ?? ""}`).join("\n")}`,
  );
  expect(told, where).toEqual([]);
}
