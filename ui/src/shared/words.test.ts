import { expect, test } from "vitest";
import { fuzzyFilter, hasWords } from "./words";

test("every word must occur, in any case", () => {
  expect(hasWords('job="Node" refused', "REFUSED node")).toBe(true);
  expect(hasWords("node", "node db")).toBe(false);
});

test("letters match in order, whole words and beginnings first", () => {
  const names = ["prometheus_http_requests_total", "process_cpu_seconds_total", "http_requests", "up"];
  expect(fuzzyFilter(names, (n) => n, "httpreq")).toEqual(["http_requests", "prometheus_http_requests_total"]);
  expect(fuzzyFilter(names, (n) => n, "pcst")[0]).toBe("process_cpu_seconds_total");
  expect(fuzzyFilter(names, (n) => n, "zz")).toEqual([]);
  expect(fuzzyFilter(names, (n) => n, " ")).toEqual(names);
});
