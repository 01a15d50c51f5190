// The example workflows that come with the app, as templates. Their file is made before each build (scripts/examples.mjs).
import type { WorkflowDocument } from "./api/types";
import generated from "./generated/examples.json";

export interface Example {
  slug: string;
  document: WorkflowDocument;
}

export const examples = generated as unknown as Example[];
