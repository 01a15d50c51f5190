// Hands a file to the browser.
import { prettyJson } from "@/lib/format/text";

export function download(name: string, value: unknown): void {
  downloadText(name, `${prettyJson(value)}\n`, "application/json");
}

export function downloadText(name: string, text: string, type: string): void {
  const url = URL.createObjectURL(new Blob([text], { type }));
  const link = document.createElement("a");
  link.href = url;
  link.download = name;
  link.click();
  // the browser needs the address a moment longer
  setTimeout(() => URL.revokeObjectURL(url), 10_000);
}
