import { expect, test } from "vitest";
import type { ActiveTarget } from "../api";
import { splitUrl, toPools, totals } from "./view";

const target = (scrapePool: string, instance: string, health: ActiveTarget["health"]): ActiveTarget => ({
  discoveredLabels: {},
  labels: { instance, job: scrapePool },
  scrapePool,
  scrapeUrl: `http://${instance}/metrics`,
  globalUrl: "",
  lastError: health === "down" ? "connection refused" : "",
  lastScrape: "",
  lastScrapeDuration: 0,
  health,
  scrapeInterval: "15s",
  scrapeTimeout: "10s",
});
const all = [target("node", "a:1", "up"), target("node", "b:1", "down"), target("db", "c:1", "up")];

test("pools are sorted and count what is up before filtering", () => {
  const pools = toPools(all, { text: "", health: "down" });
  expect(pools.map((p) => [p.name, p.up, p.targets.length])).toEqual([["db", 1, 0], ["node", 1, 1]]);
});

test("every word must occur, in address, labels or error", () => {
  expect(toPools(all, { text: 'REFUSED job="node"', health: "" }).flatMap((p) => p.targets.map((t) => t.labels.instance))).toEqual(["b:1"]);
  expect(totals(all)).toEqual({ up: 2, down: 1, unknown: 0 });
});

test("pools without targets are listed by name", () => {
  expect(toPools([], { text: "", health: "" }, ["idle"])).toEqual([{ name: "idle", up: 0, total: 0, targets: [] }]);
});

test("parameters of an address stand apart", () => {
  expect(splitUrl("http://a/probe?target=b&module=x%20y")).toEqual({ address: "http://a/probe", params: [["target", "b"], ["module", "x y"]] });
});
