// A JSON Schema of an object as rows of a table, and back: names, types, which are needed, what they mean. Whatever a row
// cannot show (nested objects, limits) stays as it is. Not here: drawing.
import type { Json, JsonObject } from "../api/types";
import { isObject } from "./json";

export const ROW_TYPES = ["string", "number", "integer", "boolean", "array", "object"] as const;
export type RowType = (typeof ROW_TYPES)[number] | "other";

export interface SchemaRow {
  name: string;
  type: RowType;
  required: boolean;
  description: string;
  /** Fixed choices of a string, if it has some. */
  choices: string[] | null;
  schema: JsonObject;
}

/** The rows of a schema; null if it is something that a table cannot show. */
export function rowsOf(schema: Json | undefined): SchemaRow[] | null {
  if (schema === undefined || schema === null) return [];
  if (!isObject(schema)) return null;
  const { properties } = schema;
  if (properties === undefined) return schema.type === "object" || Object.keys(schema).length === 0 ? [] : null;
  if (!isObject(properties) || (schema.type !== undefined && schema.type !== "object")) return null;
  const required = Array.isArray(schema.required) ? schema.required : [];
  const rows: SchemaRow[] = [];
  for (const [name, property] of Object.entries(properties)) {
    if (!isObject(property)) return null;
    const type = ROW_TYPES.find((one) => one === property.type);
    const choices =
      Array.isArray(property.enum) && property.enum.every((one) => typeof one === "string")
        ? (property.enum as string[])
        : null;
    rows.push({
      name,
      type: type ?? (choices ? "string" : "other"),
      required: required.includes(name),
      description: typeof property.description === "string" ? property.description : "",
      choices,
      schema: property,
    });
  }
  return rows;
}

/** Puts rows into a schema, keeping whatever else it says. */
export function withRows(schema: Json | undefined, rows: readonly SchemaRow[]): JsonObject {
  const {
    properties: _,
    required: __,
    ...rest
  } = isObject(schema) ? schema : { type: "object", additionalProperties: false };
  const required = rows.filter((row) => row.required).map((row) => row.name);
  return {
    ...rest,
    type: "object",
    properties: Object.fromEntries(rows.map((row) => [row.name, propertyOf(row)])),
    ...(required.length > 0 ? { required } : {}),
  };
}

function propertyOf(row: SchemaRow): JsonObject {
  const { description: _, enum: __, type, ...rest } = row.schema;
  const kept = type === row.type || row.type === "other" ? rest : {};
  return {
    ...(row.type === "other" ? (type === undefined ? {} : { type }) : { type: row.type }),
    ...kept,
    ...(row.choices !== null
      ? { enum: row.choices }
      : row.schema.enum !== undefined && row.type === "other"
        ? { enum: row.schema.enum }
        : {}),
    ...(row.description === "" ? {} : { description: row.description }),
  };
}
