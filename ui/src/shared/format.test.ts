import { expect, test } from "vitest";
import { seriesText, shortNumber } from "./format";

test("series are written so that they can be pasted into a query", () => {
  expect(seriesText({ __name__: "up", job: "a", instance: 'b"' })).toBe('up{instance="b\\"", job="a"}');
  expect(seriesText({ __name__: "up" })).toBe("up");
  expect(seriesText({})).toBe("{}");
  expect(seriesText({ __name__: "my metric", "a.b": "c" })).toBe('{"my metric", "a.b"="c"}');
});

test("numbers are short and keep their sign", () => {
  expect([0, 1234, -1_500_000, 0.25, 1e-9, Infinity, NaN].map(shortNumber)).toEqual(["0", "1.234k", "-1.5M", "0.25", "1.00e-9", "+Inf", "NaN"]);
});
