// How to call an endpoint from a shell, Python and TypeScript: texts to copy. A key is never written into them.
import type { EndpointQuery } from "../api/scraper-types";

export interface SnippetOptions {
  /** Where the server is reached: `http://127.0.0.1:8080`. */
  origin: string;
  path: string;
  query: EndpointQuery;
  /** Whether the server asks for a key. */
  key: boolean;
}

export interface Snippet {
  key: "curl" | "python" | "typescript";
  label: string;
  code: string;
}

export function addressWith({ origin, path, query }: Pick<SnippetOptions, "origin" | "path" | "query">): string {
  const params = new URLSearchParams();
  if (query.fresh) params.set("fresh", "true");
  if (query.limit !== null) params.set("limit", String(query.limit));
  if (query.offset !== null && query.offset !== 0) params.set("offset", String(query.offset));
  const text = params.toString();
  return `${origin}${path}${text === "" ? "" : `?${text}`}`;
}

export function snippetsOf(options: SnippetOptions): Snippet[] {
  const url = addressWith(options);
  const curl = [`curl -fsS '${url}'`, ...(options.key ? [`  -H "Authorization: Bearer $NEXUS_API_KEY"`] : [])].join(
    " \\\n",
  );
  const python = [
    ...(options.key ? ["import os", ""] : []),
    "import requests",
    "",
    "answer = requests.get(",
    `    "${url}",`,
    ...(options.key ? [`    headers={"Authorization": f"Bearer {os.environ['NEXUS_API_KEY']}"},`] : []),
    "    timeout=60,",
    ")",
    "answer.raise_for_status()",
    `for record in answer.json()["data"]:`,
    "    print(record)",
  ].join("\n");
  const typescript = [
    `const answer = await fetch("${url}"${options.key ? ", {" : ");"}`,
    ...(options.key ? ['  headers: { authorization: "Bearer " + process.env.NEXUS_API_KEY },', "});"] : []),
    'if (!answer.ok) throw new Error("The scraper answered " + answer.status);',
    "const { data } = (await answer.json()) as { data: Record<string, unknown>[] };",
    "console.table(data);",
  ].join("\n");
  return [
    { key: "curl", label: "curl", code: `${curl}\n` },
    { key: "python", label: "Python", code: `${python}\n` },
    { key: "typescript", label: "TypeScript", code: `${typescript}\n` },
  ];
}
