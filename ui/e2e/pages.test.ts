// The other pages in a real browser: all of them, in both themes, wide and
// narrow, by keyboard, and what a server seldom says.

import axe from "axe-core";
import type { Page } from "playwright-core";
import { afterAll, beforeAll, expect, test } from "vitest";
import { Harness } from "./harness";

let harness: Harness;

beforeAll(async () => {
  harness = await Harness.start();
});
afterAll(() => harness?.stop());

/** Answers one endpoint in the server's place. */
async function answer(page: Page, endpoint: string, data: unknown) {
  await page.route(
    (url) => url.pathname === `/api/v1/${endpoint}`,
    (route) => route.fulfill({ json: { status: "success", data } }),
  );
}

async function seriousFindings(page: Page): Promise<string[]> {
  await page.evaluate(axe.source);
  return page.evaluate(async () => {
    const { violations } = await (window as unknown as { axe: typeof axe }).axe.run();
    return violations.filter((v) => v.impact === "serious" || v.impact === "critical").map((v) => `${v.id}: ${v.nodes.map((n) => `${n.html} ${n.failureSummary}`).join("\n")}`);
  });
}

const GRAPH = "/query?g0.tab=graph&g0.range_input=1m&g0.expr=up";
const EXPLAIN = "/query?g0.tab=explain&g0.expr=" + encodeURIComponent("sum by (job) (rate(prometheus_http_requests_total[1m])) > 0");

test.each([
  ["query", "/query", "Execute"],
  ["query-table", "/query?g0.expr=up", "Result series: 1"],
  ["query-graph", GRAPH, "Resolution: 1s"],
  ["query-explain", EXPLAIN, "Keeps values for which the comparison holds."],
  ["targets", "/targets", "1 / 1 up"],
  ["service-discovery", "/service-discovery", "1 active"],
  ["status", "/status", "Storage retention"],
  ["tsdb-status", "/tsdb-status", "Metrics with the most series"],
  ["flags", "/flags", "--storage.tsdb.path"],
  ["config", "/config", "scrape_configs:"],
])("%s is good to see, wide and narrow, light and dark", async (name, path, text) => {
  for (const [width, colorScheme] of [[1280, "light"], [1280, "dark"], [380, "light"], [380, "dark"]] as const) {
    const page = await harness.open(path, { viewport: { width, height: 800 }, colorScheme });
    await page.getByText(text).first().waitFor();
    expect(await page.evaluate(() => document.documentElement.scrollWidth - innerWidth), `${name} is wider than ${width}`).toBeLessThanOrEqual(0);
    expect(await seriousFindings(page), `${name} ${width} ${colorScheme}`).toEqual([]);
    await harness.keep(page, `${name}-${width}-${colorScheme}`);
    await page.context().close();
  }
});

test("the Status menu and the pages are reached by keyboard", async () => {
  const page = await harness.open("/query");
  const menu = page.getByRole("button", { name: "Status" });
  await menu.focus();
  await page.keyboard.press("ArrowDown");
  await expect.poll(() => page.evaluate(() => document.activeElement?.textContent)).toContain("Target health");
  await page.keyboard.press("t");
  await page.keyboard.press("Enter");
  await expect.poll(() => new URL(page.url()).pathname).toBe("/tsdb-status");
  await page.evaluate(() => (document.activeElement as HTMLElement).blur());
  await page.keyboard.press("g");
  await page.keyboard.press("f");
  await page.getByText("--web.listen-address").waitFor();
  await page.keyboard.press("/");
  await page.keyboard.type("retention.time");
  await expect.poll(() => page.locator("tbody th").allTextContents()).toEqual(["--storage.tsdb.retention.time"]);
  await page.goBack();
  await page.getByRole("heading", { name: "TSDB status" }).waitFor();
  await page.close();
});

test("what was typed is still there after a visit to another page", async () => {
  const page = await harness.open("/query?g0.expr=up&g0.tab=graph");
  await page.getByLabel("PromQL expression").first().fill("up + 1");
  await page.getByRole("link", { name: "Targets" }).click();
  await page.getByText("1 / 1 up").waitFor();
  await page.getByRole("link", { name: "Query" }).click();
  await expect.poll(() => page.getByLabel("PromQL expression").first().inputValue()).toBe("up + 1");
  expect(new URL(page.url()).searchParams.get("g0.expr")).toBe("up");
  await page.close();
});

test("settings and the explorer open above the page", async () => {
  const page = await harness.open("/query", { viewport: { width: 380, height: 800 }, colorScheme: "dark" });
  await page.locator("main").focus();
  await page.keyboard.press("?");
  await page.getByLabel("Remember the queries that were run").check();
  expect(await seriousFindings(page)).toEqual([]);
  await page.getByRole("button", { name: "Light" }).click();
  await page.getByRole("button", { name: "Local" }).click();
  await page.keyboard.press("Escape");
  await page.getByPlaceholder("now (local)").waitFor();
  expect(await page.evaluate(() => document.documentElement.dataset.theme)).toBe("light");
  await page.getByRole("button", { name: "explore the metrics" }).click();
  await page.getByLabel("Find a metric").fill("prometheus_http_requests_total");
  await page.locator(".metrics > li > button").first().click();
  await page.getByText("series in the last hour").waitFor();
  expect(await seriousFindings(page)).toEqual([]);
  await harness.keep(page, "explorer-narrow");
  await page.close();
});

test("while the log is replayed the page says how far, and comes back", async () => {
  const page = await harness.blank();
  let ready = false;
  await page.route(
    (url) => (url.pathname.startsWith("/api/v1/") || url.pathname === "/-/ready") && !url.pathname.endsWith("walreplay"),
    (route) => (ready ? route.continue() : route.fulfill({ status: 503, headers: { "X-Prometheus-Stopping": "false" }, contentType: "text/plain", body: "Service Unavailable" })),
  );
  await answer(page, "status/walreplay", { min: 4, max: 7, current: 5 });
  await page.goto(`${harness.base}/query?g0.expr=up`);
  await page.getByText("segment 5 of 4–7, 50 %").waitFor();
  await harness.keep(page, "starting");
  ready = true;
  await expect.poll(() => page.locator("table.result .value").allTextContents()).toEqual(["1"]);
  harness.problems.splice(0, harness.problems.length, ...harness.problems.filter((text) => !text.includes("status of 503")));
  await page.close();
});

test("relabelling is shown step by step, a pool's configuration on demand", async () => {
  const page = await harness.blank();
  const discovered = { __address__: "a:1", __meta_env: "test" };
  await answer(page, "scrape_pools", { scrapePools: ["idle", "node"] });
  await answer(page, "targets", { activeTargets: [], droppedTargets: [{ discoveredLabels: discovered, scrapePool: "node" }], droppedTargetCounts: { node: 5 } });
  await answer(page, "targets/relabel_steps", {
    steps: [
      { rule: { source_labels: ["__meta_env"], target_label: "env", action: "replace" }, output: { ...discovered, env: "test" }, keep: true },
      { rule: { source_labels: ["env"], regex: "test", action: "drop" }, output: {}, keep: false },
    ],
  });
  await answer(page, "scrape_pools/config", { yaml: "job_name: node\n" });
  await page.goto(`${harness.base}/service-discovery`);
  await page.getByText("4 dropped targets are not listed").waitFor();
  await page.getByRole("button", { name: "Show relabelling" }).click();
  await expect.poll(() => page.locator(".changes ins").allTextContents()).toEqual(["test"]);
  await page.getByText("Drops the target.").waitFor();
  expect(await seriousFindings(page)).toEqual([]);
  await harness.keep(page, "relabelling");
  await page.keyboard.press("Escape");
  await page.getByRole("button", { name: "Show config" }).click();
  await page.getByText("job_name:").waitFor();
  await page.keyboard.press("Escape");
  // Folding a pool outlives the page.
  await page.getByRole("button", { name: /^▾ node/ }).click();
  await page.reload();
  await page.getByRole("button", { name: /^▸ node/ }).waitFor();
  await page.close();
});

const histogram = (seconds: number) => [seconds, { count: "9", sum: "12", buckets: [[0, "0.5", "1", "2"], [0, "1", "2", String(1 + (Math.floor(seconds) % 7))], [0, "2", "4", "1"]] }];

test("native histograms have a heat map", async () => {
  const page = await harness.blank();
  const now = Math.floor(Date.now() / 1000);
  await page.route("**/api/v1/query_range", (route) => {
    const form = new URLSearchParams(route.request().postData() ?? "");
    const start = Number(form.get("start"));
    const histograms = Array.from({ length: 61 }, (_, i) => histogram(start + i));
    return route.fulfill({ json: { status: "success", data: { resultType: "matrix", result: [{ metric: { __name__: "h" }, histograms }] } } });
  });
  await page.goto(`${harness.base}/query?g0.expr=h&g0.tab=graph&g0.range_input=1m&g0.display_mode=heatmap`);
  await page.getByText("up to 7").waitFor();
  const colours = await page.locator(".plot canvas").evaluate((canvas: HTMLCanvasElement) => {
    const { data } = canvas.getContext("2d")!.getImageData(0, 0, canvas.width, canvas.height);
    const seen = new Set<number>();
    for (let i = 0; i < data.length; i += 4) if (data[i + 3]! === 255) seen.add((data[i]! << 16) | (data[i + 1]! << 8) | data[i + 2]!);
    return seen.size;
  });
  expect(colours).toBeGreaterThan(5);
  await harness.keep(page, "heatmap");
  await answer(page, "query", { resultType: "vector", result: [{ metric: { __name__: "h" }, histogram: histogram(now) }] });
  await page.getByRole("tab", { name: "Table" }).click();
  await page.getByText("count 9, sum 12").click();
  await expect.poll(() => page.locator(".bucket-bars i").count()).toBe(3);
  await harness.keep(page, "histogram");
  await page.close();
});

test("exemplars are drawn where the server keeps them", async () => {
  const page = await harness.blank();
  const now = Date.now() / 1000;
  await answer(page, "features", { tsdb: { exemplar_storage: true } });
  await answer(page, "query_exemplars", [{ seriesLabels: { __name__: "up" }, exemplars: [{ labels: { trace_id: "abc123" }, value: "0.5", timestamp: now - 30 }] }]);
  await page.goto(harness.base + GRAPH + "&g0.y_axis_min=0&g0.show_exemplars=1");
  await page.locator(".plot canvas").waitFor();
  const box = (await page.locator(".plot .u-over").boundingBox())!;
  // Somewhere in the middle, at half the height of 1: the pointer looks for it.
  await expect
    .poll(async () => {
      for (let y = 0.3; y < 0.8; y += 0.03) {
        for (let x = 0.44; x < 0.56; x += 0.01) {
          await page.mouse.move(box.x + box.width * x, box.y + box.height * y);
          const text = await page.locator(".tip").textContent();
          if (text?.includes("trace_id: abc123")) return true;
        }
      }
      return false;
    }, { timeout: 30_000 })
    .toBe(true);
  await harness.keep(page, "exemplars");
  await page.close();
});

test("rules, alerts and notifications appear when the server has them", async () => {
  const page = await harness.blank();
  const alert = { labels: { alertname: "Down", instance: "a:1" }, annotations: { summary: "a:1 is down" }, state: "firing", activeAt: new Date(Date.now() - 90_000).toISOString(), value: "0e+00" };
  const rule = { health: "ok", evaluationTime: 0.001, lastEvaluation: new Date().toISOString() };
  await answer(page, "features", { rules: { query_offset: true } });
  await answer(page, "notifications", [{ text: "Configuration reload has failed.", date: new Date().toISOString(), active: true }]);
  await answer(page, "alertmanagers", { activeAlertmanagers: [{ url: "http://h:9093/api/v2/alerts" }], droppedAlertmanagers: [] });
  await answer(page, "rules", {
    groups: [
      {
        name: "node",
        file: "/etc/rules.yml",
        interval: 15,
        evaluationTime: 0.002,
        lastEvaluation: new Date().toISOString(),
        rules: [
          { ...rule, type: "alerting", name: "Down", query: "up == 0", duration: 60, keepFiringFor: 0, labels: { severity: "page" }, annotations: { summary: "{{ $labels.instance }} is down" }, state: "firing", alerts: [alert] },
          { ...rule, type: "recording", name: "job:up:sum", query: "sum by (job) (up)", labels: {}, health: "err", lastError: "boom" },
        ],
      },
    ],
  });
  await page.goto(`${harness.base}/alerts`);
  await page.getByText("Configuration reload has failed.").waitFor();
  await page.getByText("firing 1").first().waitFor();
  await page.locator("details.rule summary").click();
  await page.getByText("a:1 is down").waitFor();
  expect(await seriousFindings(page)).toEqual([]);
  await harness.keep(page, "alerts");
  await page.goto(`${harness.base}/rules`);
  await page.getByText("Rule failed to evaluate: boom").waitFor();
  expect(await seriousFindings(page)).toEqual([]);
  await harness.keep(page, "rules");
  await page.goto(`${harness.base}/alertmanager-discovery`);
  await page.getByText("http://h:9093/api/v2/alerts").waitFor();
  await page.close();
});

test("the browser had nothing to complain about", () => {
  expect(harness.unexpected().filter((text) => !text.includes("notifications/live"))).toEqual([]);
});
