// After `next build`: the JavaScript that each page loads at first must stay within 230 kB gzipped (scripts for browsers
// without modules are not counted: no supported browser loads them).
import { readdirSync, readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { gzipSync } from "node:zlib";

const LIMIT_KB = 230;
const out = join(dirname(fileURLToPath(import.meta.url)), "../out");
const sizes = new Map();
const sizeOf = (path) => {
  if (!sizes.has(path)) sizes.set(path, gzipSync(readFileSync(join(out, decodeURI(path))), { level: 9 }).length);
  return sizes.get(path);
};

let tooLarge = false;
for (const page of readdirSync(out, { recursive: true })
  .filter((name) => name.endsWith(".html"))
  .sort()) {
  const html = readFileSync(join(out, page), "utf8");
  const scripts = [...html.matchAll(/<script\b([^>]*)>/gi)]
    .filter(([, attributes]) => !/\bnomodule\b/i.test(attributes))
    .map(([, attributes]) => /\bsrc="([^"?]*)/i.exec(attributes)?.[1])
    .filter(Boolean);
  const kb = [...new Set(scripts)].reduce((sum, path) => sum + sizeOf(path), 0) / 1000;
  console.log(`${kb.toFixed(1).padStart(7)} kB  ${page}`);
  tooLarge ||= kb > LIMIT_KB;
}
if (tooLarge) {
  console.error(`budget: a page loads more than ${LIMIT_KB} kB of JavaScript`);
  process.exit(1);
}
