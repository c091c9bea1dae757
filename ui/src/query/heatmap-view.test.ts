import { expect, test } from "vitest";
import type { HistogramValue } from "../api";
import { bucketBars, toHeatmap } from "./heatmap-view";

const histogram: HistogramValue = { count: "5", sum: "9", buckets: [[3, "-1", "1", "1"], [0, "1", "2", "2"], [0, "2", "3", "2"]] };

test("buckets of all series fall into cells by step and bounds", () => {
  const map = toHeatmap([{ metric: {}, histograms: [[10, histogram], [20, histogram]] }, { metric: {}, histograms: [[20, histogram]] }], 10_000, 10_000);
  expect(map.bounds).toEqual([-1, 1, 2, 3]);
  expect(map.countMax).toBe(4);
  expect(map.cells).toContainEqual({ step: 1, low: 2, high: 3, count: 4 });
});

test("bars are as high as counts, or as large as counts", () => {
  expect(bucketBars(histogram, "exponential").map((bar) => [bar.text, bar.height])).toEqual([["[-1, 1]", 0.5], ["(1, 2]", 1], ["(2, 3]", 1]]);
  expect(bucketBars(histogram, "linear").map((bar) => [bar.left, bar.width, bar.height])).toEqual([[0, 0.5, 0.25], [0.5, 0.25, 1], [0.75, 0.25, 1]]);
  expect(bucketBars({ count: "0", sum: "0" }, "linear")).toEqual([]);
});
