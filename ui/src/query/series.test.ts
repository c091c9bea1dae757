import { expect, test } from "vitest";
import { stack, toGraph } from "./series";

test("points land on their step, gaps and non-finite values are null", () => {
  const graph = toGraph([{ metric: { a: "b" }, values: [[10, "1"], [30, "+Inf"], [40, "2.5"]] }], 10_000, 40_000, 10_000);
  expect(graph.times).toEqual([10, 20, 30, 40]);
  expect(graph.rows).toEqual([[1, null, null, 2.5]]);
});

test("stacking adds shown rows only", () => {
  expect(stack([[1, null], [5, 5], [2, 3]], [true, false, true])).toEqual([[1, null], [5, 5], [3, 3]]);
});
