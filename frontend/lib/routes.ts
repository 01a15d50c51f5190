// Every address inside the app: making them and reading ids out of them. Dynamic pages are exported once under the
// placeholder `_`, so ids come from the address itself and never from route parameters.

export const routes = {
  home: () => "/",
  executions: () => "/executions",
  execution: (execution: string) => `/executions/${encodeURIComponent(execution)}`,
  workflow: (workflow: string) => `/workflows/${encodeURIComponent(workflow)}`,
  workflowExecutions: (workflow: string) => `/workflows/${encodeURIComponent(workflow)}/executions`,
  run: (workflow: string, execution: string) =>
    `/workflows/${encodeURIComponent(workflow)}/executions/${encodeURIComponent(execution)}`,
  models: () => "/models",
  settings: () => "/settings",
};

export interface RouteIds {
  workflow: string | null;
  execution: string | null;
}

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
  if (parts[0] === "workflows") {
    return { workflow: part(parts[1]), execution: parts[2] === "executions" ? part(parts[3]) : null };
  }
  if (parts[0] === "executions") return { workflow: null, execution: part(parts[1]) };
  return { workflow: null, execution: null };
}
