import { expect, test } from "vitest";
import { countLabels, toMetrics } from "./explorer-view";

test("parts of a histogram are described by their family", () => {
  const metrics = toMetrics(["h_bucket", "up"], { h: [{ type: "histogram", help: "How long.", unit: "" }] });
  expect(metrics.map((m) => [m.name, m.type, m.help])).toEqual([["h_bucket", "histogram", "How long."], ["up", "", ""]]);
});

test("labels are counted, the most varied first", () => {
  expect(countLabels([{ __name__: "x", job: "a", le: "1" }, { __name__: "x", job: "a", le: "2" }])).toEqual([
    { label: "le", values: [["1", 1], ["2", 1]] },
    { label: "job", values: [["a", 2]] },
  ]);
});
