import { expect, test } from "vitest";
import { stack, toExemplars, toGraph } from "./series";

test("points land on their step, gaps and non-finite values are null", () => {
  const graph = toGraph([{ metric: { a: "b" }, values: [[10, "1"], [30, "+Inf"], [40, "2.5"]] }], 10_000, 40_000, 10_000);
  expect(graph.times).toEqual([10, 20, 30, 40]);
  expect(graph.rows).toEqual([[1, null, null, 2.5]]);
});

test("stacking adds shown rows only", () => {
  expect(stack([[1, null], [5, 5], [2, 3]], [true, false, true])).toEqual([[1, null], [5, 5], [3, 3]]);
});

test("exemplars of the range become points", () => {
  const exemplar = (timestamp: number, value: string) => ({ labels: { trace_id: "t" }, value, timestamp });
  const points = toExemplars([{ seriesLabels: { job: "a" }, exemplars: [exemplar(5, "1"), exemplar(15, "2"), exemplar(16, "NaN")] }], 10_000, 20_000);
  expect(points).toEqual([{ seconds: 15, value: 2, labels: { trace_id: "t" }, series: { job: "a" } }]);
});
