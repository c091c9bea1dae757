import { expect, test } from "vitest";
import { bars, flagRows, formatBytes, formatCount, headRows, pairSelector, runtimeRows } from "./view";

test("bytes and counts are for people", () => {
  expect([0, 1023, 1536, 5 * 2 ** 30].map(formatBytes)).toEqual(["0 B", "1023 B", "1.5 KiB", "5 GiB"]);
  expect(formatCount(1234567)).toBe("1\u202f234\u202f567");
});

test("flags are filtered by words and sorted by either column", () => {
  const flags = { "web.port": "9090", "storage.path": "data/", "query.timeout": "2m" };
  expect(flagRows(flags, "", "name", false).map(([name]) => name)).toEqual(["--query.timeout", "--storage.path", "--web.port"]);
  expect(flagRows(flags, "", "value", true).map(([, value]) => value)).toEqual(["data/", "9090", "2m"]);
  expect(flagRows(flags, "STORAGE data", "name", false)).toEqual([["--storage.path", "data/"]]);
});

test("an empty head has no times, no memory limit is none", () => {
  const rows = headRows({ numSeries: 0, numLabelPairs: 0, chunkCount: 0, minTime: 9223372036854775807, maxTime: -9223372036854775808 }, false);
  expect(rows.slice(3).map(([, value]) => value)).toEqual(["no samples yet", "no samples yet"]);
  expect(runtimeRows({ GOMEMLIMIT: 9223372036854775807, GOGC: "" }, false).filter(([name]) => /GO/.test(name))).toEqual([["Memory limit (GOMEMLIMIT)", "none"]]);
});

test("bars are shares of the whole, or of the longest", () => {
  const list = [{ name: "a", value: 30 }, { name: "b", value: 15 }];
  expect(bars(list).map((bar) => bar.share)).toEqual([1, 0.5]);
  expect(bars(list, 60).map((bar) => bar.share)).toEqual([0.5, 0.25]);
});

test("a pair's series can be asked for", () => {
  expect([pairSelector("job=a=\"b\""), pairSelector("k8s.pod=x")]).toEqual([`{job="a=\\"b\\""}`, `{"k8s.pod"="x"}`]);
});
