// A server of our own in a fresh directory, and a browser to look at it.

import { spawn, type ChildProcess } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { chromium, type Browser, type BrowserContextOptions, type Page } from "playwright-core";

const FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking", "--disable-component-update", "--disable-sync"];

async function freePort(): Promise<number> {
  return new Promise((resolve) => {
    const socket = createServer().listen(0, "127.0.0.1", () => {
      const { port } = socket.address() as { port: number };
      socket.close(() => resolve(port));
    });
  });
}

/** Tries again until `attempt` returns something, for half a minute at most. */
async function eventually<T>(what: string, attempt: () => Promise<T | undefined>): Promise<T> {
  const deadline = Date.now() + 30_000;
  for (;;) {
    const value = await attempt().catch(() => undefined);
    if (value !== undefined) return value;
    if (Date.now() > deadline) throw new Error(`gave up waiting for ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
}

export class Harness {
  /** What pages complained of, each with the address it was about. */
  readonly problems: string[] = [];

  private constructor(
    readonly base: string,
    private readonly data: string,
    private readonly server: ChildProcess,
    private readonly browser: Browser,
  ) {}

  /** Starts the program that the environment names, and waits for it to have scraped itself. */
  static async start(): Promise<Harness> {
    const port = await freePort();
    const base = `http://127.0.0.1:${port}`;
    const data = mkdtempSync(join(tmpdir(), "narthex-e2e-"));
    const server = spawn(process.env.NARTHEX!, ["up", `--storage.tsdb.path=${data}`, `--web.listen-address=127.0.0.1:${port}`], { stdio: "inherit" });
    const browser = await chromium.launch({ executablePath: process.env.CHROMIUM, args: FLAGS });
    await eventually("two scrapes", async () => {
      const answer = await fetch(`${base}/api/v1/query?query=${encodeURIComponent("count_over_time(up[5m]) >= 2")}`);
      const body = (await answer.json()) as { data: { result: unknown[] } };
      return body.data.result.length > 0 ? true : undefined;
    });
    return new Harness(base, data, server, browser);
  }

  async stop() {
    await this.browser.close();
    const gone = new Promise((resolve) => this.server.once("exit", resolve));
    this.server.kill("SIGTERM");
    await gone;
    rmSync(this.data, { recursive: true, force: true });
  }

  /** A page that is not open anywhere yet. */
  async blank(options: BrowserContextOptions = {}): Promise<Page> {
    const page = await this.browser.newPage({ viewport: { width: 1280, height: 800 }, colorScheme: "light", ...options });
    page.on("pageerror", (error) => this.problems.push(error.message));
    page.on("console", (message) => message.type() === "error" && this.problems.push(`${message.text()} ${message.location().url}`));
    return page;
  }

  async open(path: string, options: BrowserContextOptions = {}): Promise<Page> {
    const page = await this.blank(options);
    await page.goto(this.base + path);
    return page;
  }

  /** Keeps a picture, if anybody wants them. */
  async keep(page: Page, name: string) {
    if (process.env.SCREENSHOTS) await page.screenshot({ path: join(process.env.SCREENSHOTS, `${name}.png`) });
  }

  /** What went wrong, wrong queries aside; servers need not have notifications. */
  unexpected(): string[] {
    return this.problems.filter((text) => !text.includes("status of 400") && !text.endsWith("/notifications"));
  }
}
