// Texts from outside in small places: cut, without piles of accents, kept apart from the direction of what surrounds them, and never markup.

export function shorten(text: string, most: number): string {
  const clean = text.length > most * 2 ? text.slice(0, most * 2) : text;
  const points = [...clean.replace(/[\p{Cc}\u2028\u2029]+/gu, " ").replace(/(\p{M}{4})\p{M}+/gu, "$1")];
  return points.length > most || text.length > clean.length ? `${points.slice(0, most).join("")}…` : points.join("");
}

export function Shorten({ text, most = 200 }: { text: string; most?: number }) {
  return <bdi>{shorten(text, most)}</bdi>;
}
