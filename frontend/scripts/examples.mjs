// Copies ../examples/*.json into lib/generated/examples.json, so that the start page can offer them as templates.
// A file that is not a workflow document is left out with a warning; no examples at all is not an error.
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

const here = dirname(fileURLToPath(import.meta.url));
const source = process.env.NEXUS_EXAMPLES_DIR ?? join(here, "../../examples");
const target = join(here, "../lib/generated/examples.json");

let names = [];
try {
  names = readdirSync(source)
    .filter((name) => name.endsWith(".json"))
    .sort();
} catch {
  console.warn(`examples: ${source} does not exist; the start page will offer no templates`);
}
const examples = [];
for (const name of names) {
  const document = JSON.parse(readFileSync(join(source, name), "utf8"));
  if (document?.schema_version === 1 && Array.isArray(document?.graph?.nodes)) {
    examples.push({ slug: name.slice(0, -".json".length), document });
  } else {
    console.warn(`examples: ${name} is not a workflow document; left out`);
  }
}
mkdirSync(dirname(target), { recursive: true });
writeFileSync(target, `${JSON.stringify(examples, null, 1)}\n`);
