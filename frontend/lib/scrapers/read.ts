// What a job says about itself beside its state (`analysis`, `attempts`), as something that can be shown. Both are free-form
// JSON on the wire: what is missing or has another shape is left out, never a broken page. Not here: drawing.
import type { Json } from "../api/types";
import { isObject } from "../builder/json";

type Fields = { [key: string]: Json };

const textOf = (value: Json | undefined): string | null =>
  typeof value === "string" && value.trim() !== "" ? value : null;
const numberOf = (value: Json | undefined): number | null =>
  typeof value === "number" && Number.isFinite(value) ? value : null;
const listOf = (value: Json | undefined): Json[] => (Array.isArray(value) ? value : []);
const textsOf = (value: Json | undefined): string[] => listOf(value).flatMap((one) => textOf(one) ?? []);
const fieldsOf = (value: Json | undefined): Fields[] => listOf(value).filter(isObject);

export interface ColumnView {
  name: string;
  kind: string;
  /** Share of the records that have it, 0 to 1. */
  fill: number | null;
  /** The same everywhere, so it is left out. */
  constant: boolean;
  samples: string[];
}

export interface RegionView {
  /** Where its records are, in words. */
  where: string;
  /** The selector or path, if there is one. */
  selector: string | null;
  count: number;
  columns: ColumnView[];
  /** The scraper takes its records from here. */
  chosen: boolean;
}

export interface SchemaField {
  name: string;
  type: string;
  about: string | null;
}

export interface AnalysisView {
  title: string | null;
  pageType: string | null;
  obstacle: string | null;
  encoding: string | null;
  records: number | null;
  wanted: string[];
  missing: string[];
  /** How further pages are found, in words. */
  pagination: string | null;
  pages: number | null;
  regions: RegionView[];
  schema: SchemaField[];
  /** The model that was asked, if one was. */
  model: string | null;
  /** Made to study the page. */
  requests: RequestView[];
}

const PAGE_TYPES: Record<string, string> = {
  list: "A list: many records of a kind",
  table: "A table: one record per row",
  detail: "A page about one thing: one record",
  article: "A text to read",
  login: "A login page",
  bot_wall: "Asks for proof of not being a robot",
  needs_javascript: "Empty until its scripts have run",
  empty: "Nothing of use",
};

export function pageTypeWords(type: string): string {
  return PAGE_TYPES[type] ?? type.replaceAll("_", " ");
}

function placeOf(source: Json | undefined): { where: string; selector: string | null } {
  if (!isObject(source)) return { where: "On the page", selector: null };
  switch (source.kind) {
    case "elements": {
      const select = textOf(source.select);
      const runs = (numberOf(source.siblings) ?? 0) > 0;
      return { where: runs ? "Runs of neighbouring elements" : "Elements that are alike", selector: select };
    }
    case "page":
      return { where: "The page as a whole", selector: null };
    case "json_ld":
      return { where: "Data for search engines (JSON-LD)", selector: textsOf(source.types).join(", ") || null };
    case "json":
      return {
        where: "JSON that the page carries for its scripts",
        selector: listOf(source.path).map(String).join(".") || null,
      };
    default:
      return { where: "On the page", selector: textOf(source.select) };
  }
}

function columnOf(entry: Fields): ColumnView | null {
  const field = isObject(entry.field) ? entry.field : entry;
  const name = textOf(field.name);
  if (name === null) return null;
  return {
    name,
    kind: textOf(field.kind) ?? "text",
    fill: numberOf(entry.fill),
    constant: entry.constant === true,
    samples: textsOf(entry.samples).slice(0, 5),
  };
}

function typeWords(property: Json | undefined): string {
  if (!isObject(property)) return "anything";
  const types = Array.isArray(property.type) ? property.type : [property.type];
  const named = types.filter((type) => typeof type === "string" && type !== "null").map(String);
  if (named.length === 0) return "anything";
  const inner = named.includes("array") && isObject(property.items) ? ` of ${typeWords(property.items)}` : "";
  return `${named.join(" or ")}${inner}${types.includes("null") ? ", or null" : ""}`;
}

/** The fields of a schema of records, whether it describes the list or one of them. */
export function schemaFields(schema: Json | undefined): SchemaField[] {
  if (!isObject(schema)) return [];
  const record = isObject(schema.items) ? schema.items : schema;
  if (!isObject(record.properties)) return [];
  return Object.entries(record.properties).map(([name, property]) => ({
    name,
    type: typeWords(property),
    about: isObject(property) ? textOf(property.description) : null,
  }));
}

/** The names of a scraper's fields, in the order in which they were asked for. */
export function fieldOrder(analysis: Json | undefined): string[] {
  const recipe = isObject(analysis) ? analysis.recipe : null;
  return isObject(recipe) ? fieldsOf(recipe.fields).flatMap((field) => textOf(field.name) ?? []) : [];
}

function paginationWords(value: Json | undefined): string | null {
  if (!isObject(value)) return null;
  if (textOf(value.next) !== null) return "A link to the next page";
  return textOf(value.numbered) === null ? null : "Links with the numbers of pages";
}

/** Null if there is none yet. */
export function readAnalysis(analysis: Json | undefined): AnalysisView | null {
  if (!isObject(analysis)) return null;
  const recipe = isObject(analysis.recipe) ? analysis.recipe : null;
  const source = recipe === null ? null : JSON.stringify(recipe.source);
  const wanted = isObject(analysis.wanted) ? analysis.wanted : {};
  return {
    title: textOf(analysis.title),
    pageType: textOf(analysis.page_type),
    obstacle: textOf(analysis.obstacle),
    encoding: textOf(analysis.encoding),
    records: numberOf(analysis.records),
    wanted: textsOf(wanted.fields),
    missing: textsOf(analysis.missing),
    pagination: paginationWords(analysis.pagination),
    pages: recipe === null ? null : numberOf(recipe.max_pages),
    regions: fieldsOf(analysis.regions).map((region) => ({
      ...placeOf(region.source),
      count: numberOf(region.count) ?? 0,
      columns: fieldsOf(region.columns).flatMap((column) => columnOf(column) ?? []),
      chosen: source !== null && JSON.stringify(region.source) === source,
    })),
    schema: schemaFields(analysis.schema),
    model: textOf(analysis.model),
    requests: readRequests(analysis.requests),
  };
}

export interface AttemptView {
  number: number;
  version: number | null;
  /** Who wrote it: `miner`, `model`, `repair`. */
  source: string | null;
  ok: boolean | null;
  /** What was wrong with it, or what came of it. */
  says: string | null;
  suggestion: string | null;
  feedback: string | null;
  code: string | null;
  costUsd: number | null;
  records: number | null;
  at: string | null;
  requests: RequestView[];
}

/** One request of a scraper, as the egress proxy saw it. */
export interface RequestView {
  method: string;
  url: string;
  status: number | null;
  bytes: number | null;
  ms: number | null;
  /** Why it was not let through. */
  refused: string | null;
}

export function readRequests(value: Json | undefined): RequestView[] {
  return fieldsOf(value).map((entry) => ({
    method: textOf(entry.method) ?? "GET",
    url: textOf(entry.url) ?? "",
    status: numberOf(entry.status),
    bytes: numberOf(entry.bytes),
    ms: numberOf(entry.duration_ms),
    refused: textOf(entry.refused),
  }));
}

function okOf(entry: Fields): boolean | null {
  if (typeof entry.ok === "boolean") return entry.ok;
  const status = textOf(entry.status) ?? textOf(entry.outcome);
  if (status === null) return isObject(entry.error) || typeof entry.error === "string" ? false : null;
  if (/^(succeeded|success|ok|accepted|ready)$/.test(status)) return true;
  return /^(failed|failure|error|rejected|refused)$/.test(status) ? false : null;
}

export function readAttempts(attempts: readonly Json[] | undefined): AttemptView[] {
  return (attempts ?? []).filter(isObject).map((entry, index) => {
    const error = entry.error;
    return {
      // the server counts anew whenever the scraper is written anew
      number: index + 1,
      version: numberOf(entry.version) ?? numberOf(entry.code_version),
      source: textOf(entry.source) ?? textOf(entry.made_by) ?? textOf(entry.by),
      ok: okOf(entry),
      says: (isObject(error) ? textOf(error.message) : textOf(error)) ?? textOf(entry.message),
      suggestion: isObject(error) ? textOf(error.suggestion) : null,
      feedback: textOf(entry.feedback),
      code: textOf(entry.code),
      costUsd: numberOf(entry.cost_usd),
      records: numberOf(entry.records),
      requests: readRequests(entry.requests),
      at: textOf(entry.finished_at) ?? textOf(entry.started_at) ?? textOf(entry.at),
    };
  });
}

const SOURCES: Record<string, string> = {
  miner: "found without a model",
  model: "chosen by a model",
  repair: "repaired by itself",
};

export function sourceWords(source: string): string {
  return SOURCES[source] ?? source.replaceAll("_", " ");
}
