// Hands a JSON file to the browser.
import { prettyJson } from "@/lib/format/text";

export function download(name: string, value: unknown): void {
  const url = URL.createObjectURL(new Blob([`${prettyJson(value)}\n`], { type: "application/json" }));
  const link = document.createElement("a");
  link.href = url;
  link.download = name;
  link.click();
  // the browser needs the address a moment longer
  setTimeout(() => URL.revokeObjectURL(url), 10_000);
}
