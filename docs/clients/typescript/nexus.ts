/**
 * A client of Nexus in TypeScript, without dependencies: REST and server-sent events over `fetch`. Works in Node and in
 * browsers; what is at the end of the file is the command.
 *
 *     node nexus.ts workflow.json --input topic=Rust
 */

/** Any JSON value. */
export type Json = null | boolean | number | string | Json[] | { [name: string]: Json };

/** Something that happened in an execution. Events without `seq` are live only: pieces of an answer while it is written. */
export interface Event {
  seq?: number;
  execution_id: string;
  type: string;
  agent_id: string | null;
  data: { [name: string]: Json };
  timestamp: string;
}

/** An execution, as far as this client looks at it; `/openapi.json` has all of it. */
export interface Execution {
  id: string;
  status: "queued" | "running" | "succeeded" | "failed" | "cancelled" | "budget_exceeded";
  outputs: { [node: string]: Json };
  budget: { limit_usd: number | null; spent_usd: number; reserved_usd: number } | null;
  agent_executions: { node_id: string; status: string; cost_usd: number }[];
}

/** What the server said when it refused: a code to act on, a message and a suggestion for people. */
export class Failure extends Error {
  readonly status: number;
  readonly code: string;

  constructor(status: number, body: { [name: string]: any }) {
    const details: { path: string; message: string }[] = body.details ?? [];
    const lines = [`${status} ${body.error ?? ""}: ${body.message ?? ""}`];
    lines.push(...details.map((detail) => `  ${detail.path || "(document)"}: ${detail.message}`));
    if (body.suggestion) lines.push(`hint: ${body.suggestion}`);
    super(lines.join("\n"));
    this.status = status;
    this.code = body.error ?? "";
  }
}

/** Statuses after which the same request may succeed. */
const AGAIN = new Set([408, 429, 502, 503, 504]);

const pause = (seconds: number) => new Promise((done) => setTimeout(done, Math.min(seconds, 30) * 1000));

export class Nexus {
  readonly #base: string;
  readonly #key: string | undefined;
  readonly #attempts = 5;

  constructor(server: string, apiKey?: string) {
    this.#base = server.replace(/\/+$/, "");
    this.#key = apiKey;
  }

  /** Saves a document; gives the workflow's id. */
  async createWorkflow(document: Json): Promise<string> {
    return (await this.#call("POST", "/workflows", document)).id;
  }

  /** Starts a workflow; gives the execution's id. */
  async start(workflowId: string, inputs: Json, limitUsd?: number): Promise<string> {
    const body = { inputs, ...(limitUsd === undefined ? {} : { budget: { limit_usd: limitUsd } }) };
    // The same key and body give the same execution, however often they are sent.
    const headers = { "Idempotency-Key": crypto.randomUUID() };
    return (await this.#call("POST", `/workflows/${workflowId}/execute`, body, headers, true)).execution_id;
  }

  /** The execution with all of its nodes. */
  execution(executionId: string): Promise<Execution> {
    return this.#call("GET", `/executions/${executionId}`, undefined, {}, true);
  }

  /** Ends it; no new call starts after the answer. */
  async cancel(executionId: string): Promise<void> {
    await this.#call("POST", `/executions/${executionId}/cancel`);
  }

  /** The execution's events to its end; comes back after a broken connection and misses nothing. */
  async *watch(executionId: string): AsyncGenerator<Event> {
    let after = 0;
    for (;;) {
      try {
        const path = `/executions/${executionId}/events?after=${after}`;
        const answer = await this.#fetch("GET", path, undefined, { Accept: "text/event-stream" });
        for await (const event of events(answer.body!)) {
          if (event.seq !== undefined) after = event.seq;
          yield event;
          if (event.type === "execution_completed") return;
        }
      } catch (error) {
        if (error instanceof Failure && !AGAIN.has(error.status)) throw error;
      }
      await pause(1);
    }
  }

  async #call(method: string, path: string, body?: Json, headers = {}, again = false): Promise<any> {
    for (let attempt = 1; ; attempt++) {
      let wait = 2 ** attempt / 4;
      try {
        return await (await this.#fetch(method, path, body, headers)).json();
      } catch (error) {
        const refused = error instanceof Failure;
        if (!again || attempt === this.#attempts || (refused && !AGAIN.has(error.status))) throw error;
        if (refused) wait = Number((error as Failure & { retryAfter?: string }).retryAfter ?? wait);
      }
      await pause(wait);
    }
  }

  async #fetch(method: string, path: string, body?: Json, headers: Record<string, string> = {}): Promise<Response> {
    const answer = await fetch(`${this.#base}/api/v1${path}`, {
      method,
      headers: {
        ...(body === undefined ? {} : { "Content-Type": "application/json" }),
        ...(this.#key ? { Authorization: `Bearer ${this.#key}` } : {}),
        ...headers,
      },
      body: body === undefined ? undefined : JSON.stringify(body),
    });
    if (answer.ok) return answer;
    const said = await answer.json().catch(() => ({ message: answer.statusText }));
    const failure = new Failure(answer.status, said as { [name: string]: any });
    throw Object.assign(failure, { retryAfter: answer.headers.get("Retry-After") ?? undefined });
  }
}

/** The data of server-sent events. An event without its empty line is half an event: dropped. */
async function* events(body: ReadableStream<Uint8Array>): AsyncGenerator<Event> {
  const reader = body.getReader();
  const decoder = new TextDecoder();
  let rest = "";
  let data: string[] = [];
  try {
    for (;;) {
      const { done, value } = await reader.read();
      if (done) return;
      const lines = (rest + decoder.decode(value, { stream: true })).split(/\r?\n/);
      rest = lines.pop() ?? "";
      for (const line of lines) {
        if (line.startsWith("data:")) data.push(line.slice(line[5] === " " ? 6 : 5));
        else if (line === "" && data.length > 0) {
          yield JSON.parse(data.join("\n"));
          data = [];
        }
      }
    }
  } finally {
    await reader.cancel();
  }
}

async function main(words: string[]): Promise<number> {
  const { readFile } = await import("node:fs/promises");
  const flags: Record<string, string> = { server: "http://127.0.0.1:8080" };
  const inputs: { [name: string]: Json } = {};
  let file: string | undefined;
  for (let at = 0; at < words.length; at++) {
    const word = words[at];
    if (!word.startsWith("--")) file = word;
    else if (word === "--input") {
      const [name, ...value] = words[++at].split("=");
      inputs[name] = value.join("=");
    } else flags[word.slice(2)] = words[++at];
  }
  if (!file) {
    console.error("usage: nexus.ts DOCUMENT [--input NAME=TEXT …] [--inputs FILE] [--budget USD] [--server URL]");
    return 2;
  }
  if (flags.inputs) Object.assign(inputs, JSON.parse(await readFile(flags.inputs, "utf8")));
  const nexus = new Nexus(flags.server, process.env.NEXUS_API_KEY);
  try {
    const workflow = await nexus.createWorkflow(JSON.parse(await readFile(file, "utf8")));
    const execution = await nexus.start(workflow, inputs, flags.budget ? Number(flags.budget) : undefined);
    for await (const event of nexus.watch(execution)) {
      if (event.seq !== undefined) {
        console.error(`${String(event.seq).padStart(4)} ${event.type.padEnd(20)} ${event.agent_id ?? ""}`);
      }
    }
    const { status, outputs } = await nexus.execution(execution);
    console.log(JSON.stringify(outputs));
    return status === "succeeded" ? 0 : 1;
  } catch (error) {
    console.error(`error: ${error instanceof Error ? error.message : error}`);
    return 1;
  }
}

// Only as a command, not when it is imported.
if (typeof process !== "undefined" && /nexus\.[cm]?[jt]s$/.test(process.argv[1] ?? "")) {
  process.exitCode = await main(process.argv.slice(2));
}
