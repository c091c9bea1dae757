import { expect, test } from "vitest";
import type { ActiveTarget, TargetsData } from "../api";
import { difference, toFoundPools } from "./view";

const active = (scrapePool: string, instance: string) => ({ scrapePool, labels: { instance }, discoveredLabels: { __address__: instance } }) as unknown as ActiveTarget;
const data: TargetsData = {
  activeTargets: [active("node", "a:1"), active("node", "b:1")],
  droppedTargets: [{ scrapePool: "node", discoveredLabels: { __address__: "c:1" } }],
  droppedTargetCounts: { node: 3 },
};

test("pools count what is active, dropped, and dropped without a trace", () => {
  const pools = toFoundPools(data, ["empty", "node"], { text: "", state: "" });
  expect(pools.map((p) => [p.name, p.active, p.dropped, p.forgotten, p.targets.length])).toEqual([["empty", 0, 0, 0, 0], ["node", 2, 1, 2, 3]]);
});

test("filters by state and words", () => {
  const found = (text: string, state: "" | "active" | "dropped") => toFoundPools(data, [], { text, state })[0]!.targets.map((t) => t.discovered.__address__);
  expect(found("", "dropped")).toEqual(["c:1"]);
  expect(found('instance="B:1', "")).toEqual(["b:1"]);
});

test("a step shows what it set, changed and removed", () => {
  expect(difference({ a: "1", b: "2", c: "3" }, { a: "1", b: "x", d: "4" })).toEqual([
    { name: "b", before: "2", after: "x" },
    { name: "c", before: "3", after: undefined },
    { name: "d", before: undefined, after: "4" },
  ]);
});
