import { expect, test } from "vitest";
import { emptyPanel, formatLink, parseLink, resolutionFor, stepFor, zoomedRange } from "./state";

test("a link reproduces the page", () => {
  const panels = [
    { ...emptyPanel(), expr: 'rate(x{a="b"}[5m])', tab: "graph" as const, rangeMs: 900_000, endMs: 1_700_000_000_000, resolution: { type: "fixed" as const, stepMs: 15_000 }, display: "stacked" as const, fromZero: true },
    { ...emptyPanel(), expr: "up", momentMs: 1_700_000_000_000, resolution: { type: "auto" as const, density: "high" as const } },
    { ...emptyPanel(), expr: "x", tab: "explain" as const, showTree: true, display: "heatmap" as const, showExemplars: true },
  ];
  expect(parseLink(formatLink(panels))).toEqual(panels);
});

test("links of older pages open", () => {
  const [panel] = parseLink("?g0.expr=up&g0.tab=0&g0.range_input=2h&g0.stacked=1&g0.step_input=30");
  expect(panel).toEqual({ ...emptyPanel(), expr: "up", tab: "graph", rangeMs: 7_200_000, display: "stacked", resolution: { type: "custom", stepMs: 30_000 } });
});

test("nothing in the link is one empty panel", () => {
  expect(parseLink("")).toEqual([emptyPanel()]);
});

test("steps give about 250 points", () => {
  expect([60_000, 3_600_000, 86_400_000].map((rangeMs) => stepFor({ rangeMs, resolution: { type: "auto", density: "medium" } }))).toEqual([1_000, 14_000, 345_000]);
});

test("density and fixed steps are heeded", () => {
  expect((["low", "high"] as const).map((density) => stepFor({ rangeMs: 86_400_000, resolution: { type: "auto", density } }))).toEqual([864_000, 115_000]);
  expect(stepFor({ rangeMs: 1, resolution: resolutionFor(30_000) })).toBe(30_000);
  expect([resolutionFor(30_000).type, resolutionFor(31_000).type]).toEqual(["fixed", "custom"]);
});

test("ranges step through the list and stop at its ends", () => {
  expect(zoomedRange(3_600_000, 1)).toBe(7_200_000);
  expect(zoomedRange(3_000_000, -1)).toBe(1_800_000);
  expect(zoomedRange(1_000, -1)).toBe(1_000);
});
