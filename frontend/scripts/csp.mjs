// After `next build`: writes out/csp.json, `{"script_hashes": ["sha256-…", …]}`, with the hash of every inline script of
// every exported page, so that the server can send `script-src 'self' 'sha256-…'`. Fails on anything such a policy would
// break: inline event handlers, `javascript:` links, scripts or style sheets from elsewhere.
import { createHash } from "node:crypto";
import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { dirname, join, relative } from "node:path";
import { fileURLToPath } from "node:url";

const out = join(dirname(fileURLToPath(import.meta.url)), "../out");
const pages = readdirSync(out, { recursive: true }).filter((name) => name.endsWith(".html"));
const hashes = new Set();
const faults = [];

for (const page of pages) {
  const html = readFileSync(join(out, page), "utf8");
  for (const [, attributes, body] of html.matchAll(/<script\b([^>]*)>([\s\S]*?)<\/script>/gi)) {
    const source = /\bsrc="([^"]*)"/i.exec(attributes)?.[1];
    if (source === undefined) hashes.add(`sha256-${createHash("sha256").update(body, "utf8").digest("base64")}`);
    else if (!source.startsWith("/_next/")) faults.push(`${page}: script from ${source}`);
  }
  const markup = html.replace(/<script\b[\s\S]*?<\/script>/gi, "");
  for (const [match] of markup.matchAll(/<[a-z][^>]*\s(?:on[a-z]+="|href="javascript:)/gi)) {
    faults.push(`${page}: ${match.slice(0, 120)}`);
  }
  for (const [, href] of markup.matchAll(/<link\b[^>]*\bhref="([^"]*)"/gi)) {
    if (!href.startsWith("/")) faults.push(`${page}: link to ${href}`);
  }
}

if (pages.length === 0 || faults.length > 0) {
  console.error(pages.length === 0 ? `csp: no pages in ${relative(process.cwd(), out)}` : faults.join("\n"));
  process.exit(1);
}
writeFileSync(join(out, "csp.json"), `${JSON.stringify({ script_hashes: [...hashes].sort() }, null, 2)}\n`);
console.log(`csp: ${hashes.size} inline scripts in ${pages.length} pages`);
