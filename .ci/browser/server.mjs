// A server that the test starts, kills and starts again over the same data.
import { spawn } from "node:child_process";
import { mkdtemp, rm } from "node:fs/promises";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";

const startTimeout = 60_000;

/** Asks the system for a port that nobody uses. */
function freePort() {
  return new Promise((resolve, reject) => {
    const probe = createServer();
    probe.on("error", reject);
    probe.listen(0, "127.0.0.1", () => {
      const { port } = probe.address();
      probe.close(() => resolve(port));
    });
  });
}

export class Server {
  #binary;
  #port;
  #dir;
  #child;
  #output = "";

  /** Starts binary in a folder of its own on a free port. */
  static async start(binary) {
    const server = new Server();
    server.#binary = binary;
    server.#port = await freePort();
    server.#dir = await mkdtemp(join(tmpdir(), "gochat-browser-"));
    await server.restart();
    return server;
  }

  get url() {
    return `http://127.0.0.1:${this.#port}`;
  }

  /** The file of its database. */
  get database() {
    return join(this.#dir, "data", "gochat.db");
  }

  /** What the last processes wrote; the end of it. */
  get output() {
    return this.#output.slice(-8000);
  }

  /** Starts the process again and waits until it is ready. */
  async restart() {
    const args = ["--gateway-listen", `127.0.0.1:${this.#port}`, "--data-dir", join(this.#dir, "data")];
    const env = { ...process.env, GOCHAT_LIMITS_AUTH_PER_MINUTE: "1000" };
    for (const name of ["GOCHAT_URL", "GOCHAT_BIN", "GOCHAT_SHOTS", "GOCHAT_CHROMIUM", "GOCHAT_ONLY"]) delete env[name];
    this.#child = spawn(this.#binary, args, { cwd: this.#dir, env, stdio: ["ignore", "pipe", "pipe"] });
    for (const stream of [this.#child.stdout, this.#child.stderr]) stream.on("data", (text) => (this.#output += text));
    const deadline = Date.now() + startTimeout;
    while (!(await this.#ready())) {
      if (this.#child.exitCode !== null || Date.now() > deadline) throw new Error(`the server does not start:\n${this.output}`);
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
  }

  /** Kills the process without a warning, and waits until it is gone. */
  async kill() {
    const child = this.#child;
    if (!child || child.exitCode !== null || child.signalCode !== null) return;
    const gone = new Promise((resolve) => child.once("exit", resolve));
    child.kill("SIGKILL");
    await gone;
  }

  async close() {
    await this.kill();
    await rm(this.#dir, { recursive: true, force: true });
  }

  async #ready() {
    try {
      return (await fetch(`${this.url}/readyz`, { signal: AbortSignal.timeout(2000) })).ok;
    } catch {
      return false;
    }
  }
}
