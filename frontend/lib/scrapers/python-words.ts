// Python, cut into lines of coloured pieces for reading. Not a parser: strings, comments, keywords, the rest.

export type PieceKind = "plain" | "word" | "string" | "comment";

export interface Piece {
  kind: PieceKind;
  text: string;
}

const TOKENS =
  /("""[\s\S]*?(?:"""|$)|'''[\s\S]*?(?:'''|$)|"(?:[^"\\\n]|\\.)*"?|'(?:[^'\\\n]|\\.)*'?)|(#[^\n]*)|\b(def|return|import|from|for|in|if|else|elif|while|try|except|finally|raise|with|as|lambda|None|True|False|and|or|not|is|class|yield|pass|break|continue|global|async|await)\b/g;

/** The lines of a program, each a list of pieces; together they are the program again. */
export function pythonLines(code: string): Piece[][] {
  const lines: Piece[][] = [[]];
  const put = (kind: PieceKind, text: string) => {
    text.split("\n").forEach((part, index) => {
      if (index > 0) lines.push([]);
      if (part !== "") lines.at(-1)?.push({ kind, text: part });
    });
  };
  let at = 0;
  for (const match of code.matchAll(TOKENS)) {
    put("plain", code.slice(at, match.index));
    put(match[1] !== undefined ? "string" : match[2] !== undefined ? "comment" : "word", match[0]);
    at = match.index + match[0].length;
  }
  put("plain", code.slice(at));
  if (lines.length > 1 && lines.at(-1)?.length === 0) lines.pop();
  return lines;
}
