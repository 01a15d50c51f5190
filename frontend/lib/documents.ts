// Workflow documents as files: what is exported, how copies are named, what an imported file must look like.
import type { Workflow, WorkflowDocument } from "./api/types";

/** Only what belongs to the document: the server's own fields (id, version, times, problems) stay behind. */
export function documentOf(workflow: Workflow): WorkflowDocument {
  const { id: _id, version: _version, created_at: _created, updated_at: _updated, ...rest } = workflow;
  const { valid: _valid, problems: _problems, ...document } = rest;
  return document;
}

/** A name for the downloaded file: `Research brief` becomes `research-brief.json`. */
export function fileNameOf(name: string, extension = "json"): string {
  const slug = name
    .normalize("NFKD")
    .replace(/[\u0300-\u036f]/g, "")
    .toLowerCase()
    .replace(/[^a-z0-9]+/g, "-")
    .replace(/^-+|-+$/g, "")
    .slice(0, 60);
  return `${slug === "" ? "workflow" : slug}.${extension}`;
}

export function copyOf(document: WorkflowDocument): WorkflowDocument {
  return { ...document, name: `${document.name} (copy)` };
}

/** Reads an imported file; throws a sentence for people. The server validates the rest. */
export function parseDocument(text: string): WorkflowDocument {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    throw new Error("The file is not valid JSON.");
  }
  if (typeof value !== "object" || value === null || !("graph" in value) || !("name" in value)) {
    throw new Error("The file is not a Nexus workflow: it has no name or no graph.");
  }
  return value as WorkflowDocument;
}

/** The models and tools that a document uses, for a one-line description. */
export function ingredientsOf(document: WorkflowDocument): { nodes: number; models: string[]; tools: string[] } {
  const models = new Set<string>();
  const tools = new Set<string>();
  for (const node of document.graph?.nodes ?? []) {
    if (typeof node.config?.model === "string") models.add(node.config.model);
    if (node.type === "tool" && typeof node.config?.tool === "string") tools.add(node.config.tool);
  }
  return { nodes: document.graph?.nodes?.length ?? 0, models: [...models], tools: [...tools] };
}
