// The query and targets pages in a real browser, served by the built program that scrapes itself.

import { afterAll, beforeAll, expect, test } from "vitest";
import { Harness } from "./harness";

let harness: Harness;
const open = (path: string) => harness.open(path);

beforeAll(async () => {
  harness = await Harness.start();
});
afterAll(() => harness?.stop());

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
  await harness.keep(page, "query");
  await page.locator(".legend button").first().click();
  await expect.poll(ink).toEqual([true, false]);
  await page.close();
});

test("an old link opens, explains and runs parts of its expression", async () => {
  const page = await open("/graph?g0.expr=" + encodeURIComponent("sum(up) + 41") + "&g0.tab=1&g0.show_tree=1");
  await expect.poll(() => page.locator(".node code").allTextContents()).toEqual(["sum(…)", "up", "+", "41"]);
  await expect.poll(() => page.locator("table.result .value").allTextContents()).toEqual(["42"]);
  await page.locator(".node", { hasText: "up" }).click();
  await expect.poll(() => page.locator("table.result .value").allTextContents()).toEqual(["1"]);
  await page.getByRole("tab", { name: "Explain" }).click();
  await expect.poll(() => page.locator(".explained").textContent()).toContain("the metric's name is \"up\"");
  await page.close();
});

test("the explorer finds a metric and puts it into the expression", async () => {
  const page = await open("/query");
  await page.getByRole("button", { name: "More" }).click();
  await page.getByRole("menuitem", { name: "Explore metrics" }).click();
  await page.getByLabel("Find a metric").fill("scrdursec");
  await page.locator(".metrics button", { hasText: "scrape_duration_seconds" }).first().click();
  await page.locator(".metric-details .chip", { hasText: "prometheus" }).first().click();
  await page.getByRole("button", { name: "Insert", exact: true }).click();
  await expect.poll(() => page.getByLabel("PromQL expression").first().inputValue()).toMatch(/^scrape_duration_seconds\{\w+="[^"]*prometheus/);
  await page.close();
});

test("queries are remembered once the reader wants it", async () => {
  const page = await open("/query");
  await page.getByRole("button", { name: "Earlier queries" }).click();
  await page.getByRole("menuitem").click();
  const area = page.getByLabel("PromQL expression").first();
  await area.click();
  await page.locator(".cm-editor").waitFor();
  await page.keyboard.type("sum(up) * 2");
  await page.keyboard.press("Escape");
  await page.getByRole("button", { name: "Execute" }).click();
  await page.reload();
  await page.getByRole("button", { name: "Earlier queries" }).click();
  await expect.poll(() => page.getByRole("menuitem").allTextContents()).toEqual(["sum(up) * 2", "Forget all"]);
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
  expect(harness.unexpected()).toEqual([]);
});
