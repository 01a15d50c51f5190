// The real program under test: `nexus up` with a data folder and ports of its own; it can be killed and started again.
import { type ChildProcess, spawn } from "node:child_process";
import { mkdtemp, rm } from "node:fs/promises";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";

const BINARY = resolve(process.env.NEXUS_BIN ?? join(import.meta.dirname, "../../target/debug/nexus"));
const START_MS = 30_000;

function freePort(): Promise<number> {
  return new Promise((done, fail) => {
    const server = createServer();
    server.on("error", fail);
    server.listen(0, "127.0.0.1", () => {
      const address = server.address();
      const port = typeof address === "object" && address !== null ? address.port : 0;
      server.close(() => done(port));
    });
  });
}

export class Nexus {
  private child: ChildProcess | null = null;
  private output = "";

  private constructor(
    readonly base: string,
    private readonly env: NodeJS.ProcessEnv,
    private readonly data: string,
  ) {}

  static async start(extra: Record<string, string> = {}): Promise<Nexus> {
    const data = await mkdtemp(join(tmpdir(), "nexus-e2e-"));
    const http = `127.0.0.1:${await freePort()}`;
    const env: NodeJS.ProcessEnv = {
      NODE_ENV: "test",
      PATH: process.env.PATH,
      HOME: data,
      NEXUS_DATA_DIR: data,
      NEXUS_HTTP_ADDR: http,
      NEXUS_GRPC_ADDR: `127.0.0.1:${await freePort()}`,
      LOG_LEVEL: "warn",
      // where the program does not find it by itself
      ...(process.env.NEXUS_SANDBOX_PYTHON ? { NEXUS_SANDBOX_PYTHON: process.env.NEXUS_SANDBOX_PYTHON } : {}),
      ...extra,
    };
    const nexus = new Nexus(`http://${http}`, env, data);
    await nexus.run();
    return nexus;
  }

  /** Starts the program (again) and waits until it is ready. */
  async run(): Promise<void> {
    const child = spawn(BINARY, ["up"], { env: this.env, stdio: ["ignore", "pipe", "pipe"] });
    this.child = child;
    let failed: Error | null = null;
    child.on("error", (error) => {
      failed = error;
    });
    for (const stream of [child.stdout, child.stderr]) {
      stream.on("data", (chunk: Buffer) => {
        this.output = (this.output + chunk.toString()).slice(-8_000);
      });
    }
    const deadline = Date.now() + START_MS;
    while (Date.now() < deadline) {
      if (failed !== null || child.exitCode !== null) break;
      try {
        if ((await fetch(`${this.base}/readyz`)).ok) return;
      } catch {
        // not listening yet
      }
      await new Promise((next) => setTimeout(next, 50));
    }
    throw new Error(`${BINARY} up did not become ready: ${failed ?? ""}\n${this.output}`);
  }

  /** As a crash would end it. */
  kill(): Promise<void> {
    return this.end("SIGKILL");
  }

  async stop(): Promise<void> {
    await this.end("SIGTERM");
    await rm(this.data, { recursive: true, force: true });
  }

  private end(signal: NodeJS.Signals): Promise<void> {
    const child = this.child;
    this.child = null;
    if (!child || child.exitCode !== null || child.signalCode !== null) return Promise.resolve();
    return new Promise((done) => {
      child.once("exit", () => done());
      child.kill(signal);
    });
  }

  /** A REST call for preparing a test. */
  async api<T>(method: string, path: string, body?: unknown): Promise<T> {
    const response = await fetch(`${this.base}/api/v1${path}`, {
      method,
      headers: { "content-type": "application/json" },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
    if (!response.ok) throw new Error(`${method} ${path}: ${response.status} ${await response.text()}`);
    return (await response.json()) as T;
  }
}
