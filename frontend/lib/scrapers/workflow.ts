// The workflow that a scraper's page offers: its records, summed up by a model and kept in memory. A beginning, to be changed.
import type { Job } from "../api/scraper-types";
import type { WorkflowDocument } from "../api/types";

/** Records that the prompt shows; a page may have thousands. */
const SHOWN = 50;

export function workflowFor(job: Pick<Job, "id" | "description">): WorkflowDocument {
  const what = job.description.trim().slice(0, 120);
  return {
    schema_version: 1,
    name: `Summary: ${what}`.slice(0, 100),
    description: "Runs a scraper, sums up its records, and keeps the summary in this workflow's memory.",
    graph: {
      nodes: [
        {
          id: "scrape",
          type: "tool",
          name: "Scrape",
          position: { x: 0, y: 0 },
          config: { tool: "scraper", job_id: job.id },
        },
        {
          id: "summary",
          type: "agent",
          name: "Sum up",
          position: { x: 320, y: 0 },
          config: {
            model: "demo/small",
            prompt: `Sum up these records in five sentences, and name what stands out:\n\n{{ nodes.scrape.output.data[:${SHOWN}] | tojson }}`,
          },
        },
        {
          id: "keep",
          type: "tool",
          name: "Keep",
          position: { x: 640, y: 0 },
          config: { tool: "memory_store", text: "{{ nodes.summary.output.text }}", scope: "workflow" },
        },
      ],
      edges: [
        { id: "e1", source: "scrape", target: "summary" },
        { id: "e2", source: "summary", target: "keep" },
      ],
    },
  };
}
