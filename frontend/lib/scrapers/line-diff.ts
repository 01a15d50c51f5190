// The difference between two texts, line by line: what was removed, what was added, and a few lines around it.
// Not here: drawing.

export interface Line {
  kind: "same" | "added" | "removed";
  text: string;
  /** Numbers from 1 in the text before and after; null where the line is not in it. */
  before: number | null;
  after: number | null;
}

/** Lines that did not change and are not shown. */
export interface Gap {
  kind: "gap";
  lines: number;
}

const CONTEXT = 3;
/** Beyond this, comparing takes longer than reading: the middle counts as rewritten. */
const MOST_CELLS = 4_000_000;

const linesOf = (text: string) => (text === "" ? [] : text.replace(/\n$/, "").split("\n"));

/** Pairs of places of a longest common subsequence. */
function common(a: readonly string[], b: readonly string[]): [number, number][] {
  const width = b.length + 1;
  if (a.length * b.length > MOST_CELLS) return [];
  const longest = new Uint32Array((a.length + 1) * width);
  for (let i = a.length - 1; i >= 0; i -= 1) {
    for (let j = b.length - 1; j >= 0; j -= 1) {
      longest[i * width + j] =
        a[i] === b[j]
          ? (longest[(i + 1) * width + j + 1] ?? 0) + 1
          : Math.max(longest[(i + 1) * width + j] ?? 0, longest[i * width + j + 1] ?? 0);
    }
  }
  const pairs: [number, number][] = [];
  let i = 0;
  let j = 0;
  while (i < a.length && j < b.length) {
    if (a[i] === b[j]) {
      pairs.push([i, j]);
      i += 1;
      j += 1;
    } else if ((longest[(i + 1) * width + j] ?? 0) >= (longest[i * width + j + 1] ?? 0)) i += 1;
    else j += 1;
  }
  return pairs;
}

export function diffLines(before: string, after: string): Line[] {
  const a = linesOf(before);
  const b = linesOf(after);
  let start = 0;
  while (start < a.length && start < b.length && a[start] === b[start]) start += 1;
  let end = 0;
  while (end < a.length - start && end < b.length - start && a[a.length - 1 - end] === b[b.length - 1 - end]) end += 1;
  const pairs = common(a.slice(start, a.length - end), b.slice(start, b.length - end));
  const lines: Line[] = [];
  let i = 0;
  let j = 0;
  const upTo = (nextA: number, nextB: number) => {
    for (; i < nextA; i += 1) lines.push({ kind: "removed", text: a[i] ?? "", before: i + 1, after: null });
    for (; j < nextB; j += 1) lines.push({ kind: "added", text: b[j] ?? "", before: null, after: j + 1 });
  };
  const same = () => {
    lines.push({ kind: "same", text: a[i] ?? "", before: i + 1, after: j + 1 });
    i += 1;
    j += 1;
  };
  while (i < start) same();
  for (const [x, y] of pairs) {
    upTo(start + x, start + y);
    same();
  }
  upTo(a.length - end, b.length - end);
  while (i < a.length) same();
  return lines;
}

/** Only what changed, with a few lines around it. */
export function hunksOf(lines: readonly Line[], context = CONTEXT): (Line | Gap)[] {
  const near = new Uint8Array(lines.length);
  lines.forEach((line, index) => {
    if (line.kind === "same") return;
    for (let at = Math.max(0, index - context); at <= Math.min(lines.length - 1, index + context); at += 1)
      near[at] = 1;
  });
  const shown: (Line | Gap)[] = [];
  let hidden = 0;
  lines.forEach((line, index) => {
    if (near[index] === 1) {
      if (hidden > 0) shown.push({ kind: "gap", lines: hidden });
      hidden = 0;
      shown.push(line);
    } else hidden += 1;
  });
  if (hidden > 0) shown.push({ kind: "gap", lines: hidden });
  return shown;
}

export function countChanges(lines: readonly Line[]): { added: number; removed: number } {
  return {
    added: lines.filter((line) => line.kind === "added").length,
    removed: lines.filter((line) => line.kind === "removed").length,
  };
}
