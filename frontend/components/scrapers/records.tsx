// Records as a table. They come from strangers' pages, so every value is text, and only http addresses become links.
"use client";
import { ExternalLink } from "lucide-react";
import { useMemo } from "react";
import { cx } from "@/components/ui/cx";
import { ScrollBox } from "@/components/ui/scroll-box";
import { Shorten, shorten } from "@/components/ui/shorten";
import type { Json } from "@/lib/api/types";
import { cellText, isNumeric, linkOf, type Table, tableOf } from "@/lib/scrapers/records";

/** More rows than this nobody reads here; the download has them all. */
const MOST_ROWS = 200;

export interface RecordsProps {
  data: Json;
  label: string;
  /** The number of the first record; they count from 1. */
  first?: number;
  /** Names of columns that come first, in this order. */
  order?: readonly string[];
  tall?: boolean;
}

const NO_ORDER: readonly string[] = [];

export function Records({ data, label, first = 1, order = NO_ORDER, tall = false }: RecordsProps) {
  const table = useMemo(() => tableOf(data, order), [data, order]);
  const numeric = useMemo(() => new Set(table.columns.filter((column) => isNumeric(table, column))), [table]);
  if (table.rows.length === 0) return <p className="p-4 text-mute">No records.</p>;
  const shown = table.rows.slice(0, MOST_ROWS);
  return (
    <>
      <ScrollBox
        label={label}
        className={cx("relative overflow-auto focus-visible:-outline-offset-2", tall ? "max-h-[36rem]" : "max-h-80")}
      >
        <table className="w-full border-separate border-spacing-0 text-left text-sm">
          <caption className="sr-only">{label}</caption>
          <thead className="sticky top-0 z-10 bg-surface text-xs text-mute">
            <tr>
              <th scope="col" className="w-10 border-b py-2 pr-2 pl-4 text-right font-medium">
                <span className="sr-only">Number</span>
                <span aria-hidden>#</span>
              </th>
              {table.columns.map((column) => (
                <th
                  key={column}
                  scope="col"
                  className={cx("border-b px-3 py-2 font-medium", numeric.has(column) && "text-right")}
                >
                  <Shorten text={column} most={60} />
                </th>
              ))}
            </tr>
          </thead>
          <tbody>
            {shown.map((row, index) => (
              // biome-ignore lint/suspicious/noArrayIndexKey: records have no other name
              <Row key={index} number={first + index} row={row} table={table} numeric={numeric} />
            ))}
          </tbody>
        </table>
      </ScrollBox>
      {table.rows.length > shown.length && (
        <p className="border-t px-4 py-2 text-xs text-mute">
          and {(table.rows.length - shown.length).toLocaleString("en-US")} more; the download has them all
        </p>
      )}
    </>
  );
}

function Row({
  number,
  row,
  table,
  numeric,
}: {
  number: number;
  row: { [column: string]: Json };
  table: Table;
  numeric: ReadonlySet<string>;
}) {
  return (
    <tr className="hover:bg-sunken">
      <td className="nums border-b border-line py-1.5 pr-2 pl-4 text-right align-top text-xs leading-5 text-mute">
        {number}
      </td>
      {table.columns.map((column) => (
        <td
          key={column}
          className={cx(
            "max-w-96 min-w-32 border-b border-line px-3 py-1.5 align-top leading-5 wrap-anywhere",
            numeric.has(column) && "nums text-right",
          )}
        >
          <Cell value={row[column]} />
        </td>
      ))}
    </tr>
  );
}

function Cell({ value }: { value: Json | undefined }) {
  const link = linkOf(value);
  if (link !== null) {
    return (
      <a
        href={link}
        target="_blank"
        rel="noopener noreferrer nofollow"
        className="inline-flex max-w-full items-baseline gap-1 text-accent underline-offset-2 hover:underline"
      >
        <span className="truncate" title={shorten(link, 300)}>
          <Shorten text={link.replace(/^https?:\/\//, "")} most={60} />
        </span>
        <ExternalLink aria-hidden size={11} className="shrink-0" />
        <span className="sr-only">opens a new tab</span>
      </a>
    );
  }
  const text = cellText(value);
  if (text === "") return <span className="text-mute">–</span>;
  return (
    <span className="line-clamp-3" title={text.length > 120 ? shorten(text, 600) : undefined}>
      <Shorten text={text} most={400} />
    </span>
  );
}
