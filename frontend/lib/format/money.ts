// Money for people: US dollars, as many decimals as the amount needs, never scientific notation.

function grouped(value: number, most: number): string {
  return value.toLocaleString("en-US", { minimumFractionDigits: 2, maximumFractionDigits: most });
}

/**
 * `$0.00` for nothing, `<$0.0001` for less than can be shown, up to four decimals below a dollar, two from there on.
 * What is not a number is a dash.
 */
export function formatUsd(value: number | null | undefined): string {
  if (value === null || value === undefined || !Number.isFinite(value)) return "–";
  if (value === 0) return "$0.00";
  const sign = value < 0 ? "−" : "";
  const amount = Math.abs(value);
  if (amount < 0.0001) return `${sign}<$0.0001`;
  // 0.99996 would round to $1.0000: from there on two decimals
  if (amount < 0.99995) return `${sign}$${grouped(amount, 4)}`;
  return `${sign}$${grouped(amount, 2)}`;
}

/** A price per million tokens: `$0.05`, `$1.25`, `$0.0375`; "free" for zero. */
export function formatRate(value: number | null | undefined): string {
  if (value === null || value === undefined || !Number.isFinite(value)) return "–";
  if (value === 0) return "free";
  if (value < 0.0001) return "<$0.0001";
  const text = value.toLocaleString("en-US", { minimumFractionDigits: 2, maximumFractionDigits: 4 });
  return `$${text}`;
}

/** A limit as a person would write it into a field: no dollar sign, no exponent, no trailing zeros. */
export function usdFieldValue(value: number | null | undefined): string {
  if (value === null || value === undefined || !Number.isFinite(value)) return "";
  return value.toFixed(12).replace(/\.?0+$/, "");
}

/** Reads such a field: a positive amount, null when empty, undefined when it is no amount. */
export function parseUsdField(text: string): number | null | undefined {
  const trimmed = text.trim().replace(/^\$\s*/, "");
  if (trimmed === "") return null;
  if (!/^(\d+(\.\d*)?|\.\d+)$/.test(trimmed)) return undefined;
  const value = Number(trimmed);
  return value > 0 && Number.isFinite(value) ? value : undefined;
}

/** Share of the cap that is used, 0 to 1; null without a cap. */
export function spentShare(spent: number, limit: number | null | undefined): number | null {
  if (limit === null || limit === undefined || limit <= 0) return null;
  return Math.min(1, Math.max(0, spent / limit));
}
