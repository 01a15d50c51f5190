// A model provider that the tests direct: OpenAI's streaming wire format, where an answer begins at once and ends only when
// the test lets it. So "while it runs" is a state, not a race.
import { createServer, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";

const MODEL = "openai/gpt-5.6-luna";

export class Provider {
  private held: (() => void)[] = [];
  private open = false;
  /** What the next calls are refused with. */
  refuse: number | null = null;
  calls = 0;

  private constructor(private readonly server: Server) {}

  static async start(): Promise<Provider> {
    const server = createServer();
    const provider = new Provider(server);
    server.on("request", (request, response: ServerResponse) => {
      request.resume();
      request.on("end", () => void provider.answer(response));
    });
    await new Promise<void>((done) => server.listen(0, "127.0.0.1", done));
    return provider;
  }

  get env(): Record<string, string> {
    const { port } = this.server.address() as AddressInfo;
    return { OPENAI_API_KEY: "test-key", OPENAI_BASE_URL: `http://127.0.0.1:${port}/v1` };
  }

  /** From now on answers wait after their first words. */
  hold(): void {
    this.open = false;
  }

  /** Lets everything that waits, and everything that comes, finish. */
  release(): void {
    this.open = true;
    for (const go of this.held.splice(0)) go();
  }

  stop(): Promise<void> {
    this.release();
    this.server.closeAllConnections();
    return new Promise((done) => this.server.close(() => done()));
  }

  private async answer(response: ServerResponse): Promise<void> {
    this.calls += 1;
    if (this.refuse !== null) {
      response.writeHead(this.refuse, { "content-type": "application/json" });
      response.end(
        JSON.stringify({ error: { message: "The test refuses.", type: "invalid_request_error", code: null } }),
      );
      return;
    }
    response.writeHead(200, { "content-type": "text/event-stream" });
    const send = (value: object) =>
      response.write(
        `data: ${JSON.stringify({ id: "c1", object: "chat.completion.chunk", created: 1, model: MODEL.slice(7), ...value })}\n\n`,
      );
    const say = (content: string) => send({ choices: [{ index: 0, delta: { content }, finish_reason: null }] });
    say("The first words");
    if (!this.open) {
      // pieces are not stored: who comes later hears only what is said from then on, so it never falls silent
      const murmur = setInterval(() => say(", more words"), 100);
      response.on("close", () => clearInterval(murmur));
      await new Promise<void>((go) => this.held.push(go));
      clearInterval(murmur);
    }
    say(" and the last ones.");
    send({ choices: [{ index: 0, delta: {}, finish_reason: "stop" }] });
    send({ choices: [], usage: { prompt_tokens: 12, completion_tokens: 7, total_tokens: 19 } });
    response.end("data: [DONE]\n\n");
  }
}

/** Two agents in a row; the first one waits for the test. */
export function gatedWorkflow(name: string): object {
  const agent = (id: string, prompt: string) => ({
    id,
    type: "agent",
    name: id === "write" ? "Write" : "Check",
    config: { model: MODEL, prompt, max_tokens: 100 },
    // the test decides how long an answer takes
    policy: { timeout_seconds: 3_600 },
  });
  return {
    schema_version: 1,
    name,
    description: "Waits for the test.",
    inputs: { type: "object", properties: { topic: { type: "string" } }, required: ["topic"] },
    budget: { limit_usd: 0.5 },
    graph: {
      nodes: [agent("write", "Write about {{ inputs.topic }}"), agent("check", "Check {{ nodes.write.output.text }}")],
      edges: [{ id: "e1", source: "write", target: "check" }],
    },
  };
}
