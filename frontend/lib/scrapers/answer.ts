// What an endpoint says about its answer (`metadata`), in a few words. Not here: the records (records).
import type { EndpointData } from "../api/scraper-types";
import { isObject } from "../builder/json";
import { formatDuration } from "../format/time";

export interface AnswerFacts {
  /** All records, before limit and offset. */
  total: number | null;
  /** `read from the site just now`, `kept for 2 m 05 s`. */
  from: string | null;
  warnings: string[];
  /** The names of the fields, in order. */
  fields: string[];
}

export function answerFacts({ metadata }: Pick<EndpointData, "metadata">): AnswerFacts {
  const meta = isObject(metadata) ? metadata : {};
  const age = typeof meta.age_seconds === "number" ? meta.age_seconds : null;
  const warnings = Array.isArray(meta.warnings) ? meta.warnings.filter((one) => typeof one === "string") : [];
  if (meta.stale === true) {
    const why = isObject(meta.error) && typeof meta.error.message === "string" ? ` ${meta.error.message}` : "";
    warnings.unshift(`These records are old: reading the site failed.${why}`);
  }
  return {
    total: typeof meta.total === "number" ? meta.total : null,
    from:
      meta.cached === true
        ? `kept from a run${age === null ? "" : ` ${formatDuration(age * 1_000)} ago`}`
        : meta.cached === false
          ? "read from the site just now"
          : null,
    fields: Array.isArray(meta.fields) ? meta.fields.filter((one) => typeof one === "string") : [],
    warnings: warnings.map((one) => one.slice(0, 400)),
  };
}
