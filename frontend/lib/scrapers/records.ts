// Records for reading: the columns of a table, what stands in a cell. Records come from strangers' pages: all of it is text.
// Not here: drawing.
import type { Json } from "../api/types";
import { isObject } from "../builder/json";

export interface Table {
  columns: string[];
  rows: { [column: string]: Json }[];
  /** Records that were no objects stand in one column of this name. */
  plain: boolean;
}

const VALUE = "value";
const MOST_COLUMNS = 40;

/**
 * Columns in the order asked for (JSON objects have none of their own), then as they first appear, so that a field only some
 * records have is not lost.
 */
export function tableOf(data: Json, order: readonly string[] = []): Table {
  const list = Array.isArray(data) ? data : data === null || data === undefined ? [] : [data];
  const columns = new Set<string>();
  let plain = false;
  const rows = list.map((record) => {
    if (isObject(record)) {
      for (const name of Object.keys(record)) columns.add(name);
      return record;
    }
    plain = true;
    columns.add(VALUE);
    return { [VALUE]: record };
  });
  const known = order.filter((name) => columns.delete(name));
  return { columns: [...known, ...columns].slice(0, MOST_COLUMNS), rows, plain };
}

/** A value in one cell. */
export function cellText(value: Json | undefined): string {
  if (value === undefined || value === null) return "";
  if (typeof value === "string") return value;
  if (Array.isArray(value) && value.every((one) => typeof one === "string" || typeof one === "number"))
    return value.join(", ");
  return JSON.stringify(value);
}

/** Whether a value is an address that may be offered as a link: nothing but http and https. */
export function linkOf(value: Json | undefined): string | null {
  if (typeof value !== "string" || !/^https?:\/\//i.test(value)) return null;
  try {
    const url = new URL(value);
    return url.protocol === "http:" || url.protocol === "https:" ? url.href : null;
  } catch {
    return null;
  }
}

/** Whether all that a column holds are numbers, so that it is set flush right. */
export function isNumeric(table: Table, column: string): boolean {
  let some = false;
  for (const row of table.rows) {
    const value = row[column];
    if (value === undefined || value === null) continue;
    if (typeof value !== "number") return false;
    some = true;
  }
  return some;
}
