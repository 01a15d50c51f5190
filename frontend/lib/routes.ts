// Every address inside the app: making them and reading ids out of them. Dynamic pages are exported once under the
// placeholder `_`, so ids come from the address itself and never from route parameters.

export const routes = {
  home: () => "/",
  executions: () => "/executions",
  execution: (execution: string) => `/executions/${encodeURIComponent(execution)}`,
  newWorkflow: (template?: string) =>
    template === undefined ? "/workflows/new" : `/workflows/new?template=${encodeURIComponent(template)}`,
  compare: (a: string, b: string) => `/executions/compare?a=${encodeURIComponent(a)}&b=${encodeURIComponent(b)}`,
  workflow: (workflow: string) => `/workflows/${encodeURIComponent(workflow)}`,
  workflowExecutions: (workflow: string) => `/workflows/${encodeURIComponent(workflow)}/executions`,
  run: (workflow: string, execution: string) =>
    `/workflows/${encodeURIComponent(workflow)}/executions/${encodeURIComponent(execution)}`,
  scrapers: () => "/scrapers",
  newScraper: (from?: string) =>
    from === undefined ? "/scrapers/new" : `/scrapers/new?from=${encodeURIComponent(from)}`,
  scraper: (scraper: string) => `/scrapers/${encodeURIComponent(scraper)}`,
  models: () => "/models",
  settings: () => "/settings",
};

const NEW = "new";
const COMPARE = "compare";

/** Whether an address is the builder's: `/workflows/new`, `/workflows/<id>`. */
export function isBuilder(pathname: string): boolean {
  const parts = pathname.split("/").filter((text) => text !== "");
  return parts[0] === "workflows" && parts.length === 2;
}

export interface RouteIds {
  workflow: string | null;
  execution: string | null;
  scraper: string | null;
}

const NONE: RouteIds = { workflow: null, execution: null, scraper: null };

function part(text: string | undefined): string | null {
  if (text === undefined || text === "") return null;
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

/** The ids that an address names. */
export function idsOf(pathname: string): RouteIds {
  const parts = pathname.split("/").filter((text) => text !== "");
  const [section, first] = parts;
  if (section === "workflows" && first !== NEW) {
    return { ...NONE, workflow: part(first), execution: parts[2] === "executions" ? part(parts[3]) : null };
  }
  if (section === "executions" && first !== COMPARE) return { ...NONE, execution: part(first) };
  if (section === "scrapers" && first !== NEW) return { ...NONE, scraper: part(first) };
  return NONE;
}
