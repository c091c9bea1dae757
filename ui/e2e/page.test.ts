// The page in a real browser, served by the built program that scrapes itself.

import { spawn, type ChildProcess } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { chromium, type Browser, type Page } from "playwright-core";
import { afterAll, beforeAll, expect, test } from "vitest";

const FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking", "--disable-component-update", "--disable-sync"];

let server: ChildProcess;
let browser: Browser;
let base: string;
const data = mkdtempSync(join(tmpdir(), "narthex-e2e-"));
const problems: string[] = [];

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

async function open(path: string): Promise<Page> {
  const page = await browser.newPage({ viewport: { width: 1280, height: 800 }, colorScheme: "light" });
  page.on("pageerror", (error) => problems.push(error.message));
  page.on("console", (message) => message.type() === "error" && problems.push(`${message.text()} ${message.location().url}`));
  await page.goto(base + path);
  return page;
}

beforeAll(async () => {
  const port = await freePort();
  base = `http://127.0.0.1:${port}`;
  server = spawn(process.env.NARTHEX!, ["up", `--storage.tsdb.path=${data}`, `--web.listen-address=127.0.0.1:${port}`], { stdio: "inherit" });
  browser = await chromium.launch({ executablePath: process.env.CHROMIUM, args: FLAGS });
  await eventually("two scrapes", async () => {
    const answer = await fetch(`${base}/api/v1/query?query=${encodeURIComponent("count_over_time(up[5m]) >= 2")}`);
    const body = (await answer.json()) as { data: { result: unknown[] } };
    return body.data.result.length > 0 ? true : undefined;
  });
});

afterAll(async () => {
  await browser?.close();
  server?.kill("SIGTERM");
  await new Promise((resolve) => server?.once("exit", resolve));
  rmSync(data, { recursive: true, force: true });
});

test("the root leads to the query page, which runs what is typed", async () => {
  const page = await open("/");
  expect(new URL(page.url()).pathname).toBe("/query");
  await page.getByLabel("PromQL expression").first().click();
  await page.locator(".cm-editor").waitFor();
  await page.keyboard.type("sum(up) + 41");
  await page.keyboard.press("Escape");
  await page.getByRole("button", { name: "Execute" }).click();
  await expect.poll(() => page.locator("table.result .value").allTextContents()).toEqual(["42"]);
  expect(new URL(page.url()).searchParams.get("g0.expr")).toBe("sum(up) + 41");
  await page.close();
});

test("a mistake is shown in the server's words", async () => {
  const page = await open("/query?g0.expr=sum(");
  await expect.poll(() => page.locator(".note.error").textContent()).toContain("unclosed left parenthesis");
  await page.close();
});

test("a graph is drawn, its legend filters", async () => {
  const page = await open("/query?g0.tab=graph&g0.range_input=1m&g0.expr=" + encodeURIComponent(`{__name__=~"up|scrape_duration_seconds"}`));
  await page.locator(".plot canvas").waitFor();
  const ink = () =>
    page.locator(".plot canvas").evaluate((canvas: HTMLCanvasElement) => {
      const { data } = canvas.getContext("2d")!.getImageData(0, 0, canvas.width, canvas.height);
      const seen = new Set<number>();
      for (let i = 0; i < data.length; i += 4) if (data[i + 3]! > 200) seen.add((data[i]! << 16) | (data[i + 1]! << 8) | data[i + 2]!);
      return [seen.has(0x0072b2), seen.has(0xd55e00)];
    });
  await expect.poll(ink).toEqual([true, true]);
  if (process.env.SCREENSHOTS) await page.screenshot({ path: join(process.env.SCREENSHOTS, "query.png") });
  await page.locator(".legend button").first().click();
  await expect.poll(ink).toEqual([true, false]);
  await page.close();
});

test("targets are listed with their health and can be filtered", async () => {
  const page = await open("/targets");
  await expect.poll(() => page.locator(".targets .badge").allTextContents()).toEqual(["up"]);
  await page.getByLabel("Filter targets").fill("nothing like it");
  await expect.poll(() => page.locator(".targets .badge").count()).toBe(0);
  await page.close();
});

test("the browser had nothing to complain about", () => {
  // Wrong queries are part of these tests; servers need not have notifications.
  expect(problems.filter((text) => !text.includes("status of 400") && !text.endsWith("/notifications"))).toEqual([]);
});
