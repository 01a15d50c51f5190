// What a field's description says, and the small words in which they are written. Not here: the fields themselves.
import type { Json, WorkflowNode } from "../../api/types";
import { getAt } from "../ops";

export type FieldKind =
  | "text"
  | "longtext"
  | "template"
  | "code"
  | "integer"
  | "number"
  | "usd"
  | "milliseconds"
  | "boolean"
  | "choice"
  | "model"
  | "models"
  | "schema"
  | "json"
  | "conditions"
  | "templates"
  | "cases"
  | "ancestor"
  | "scraper"
  | "switch"
  | "id";

export interface FieldSpec {
  path: readonly string[];
  kind: FieldKind;
  label: string;
  help?: string;
  required?: boolean;
  /** What it is when it is not set; shown as such. */
  fallback?: Json;
  choices?: readonly (readonly [value: string, label: string])[];
  min?: number;
  max?: number;
  placeholder?: string;
  rows?: number;
  /** What a `switch` puts there when it is turned on. */
  on?: Json;
  when?: (node: WorkflowNode, attached: boolean) => boolean;
}

export interface FieldGroup {
  title: string;
  /** Closed at first, unless something in it is set. */
  folded?: boolean;
  fields: readonly FieldSpec[];
  when?: (node: WorkflowNode, attached: boolean) => boolean;
}

export const SCOPES = [
  ["execution", "this run"],
  ["workflow", "all runs of this workflow"],
  ["global", "everything"],
] as const;

export const is = (path: readonly string[], value: Json) => (node: WorkflowNode) =>
  getAt(node as unknown as Json, path) === value;
export const has = (path: readonly string[]) => (node: WorkflowNode) => {
  const value = getAt(node as unknown as Json, path);
  return value !== undefined && value !== null;
};
