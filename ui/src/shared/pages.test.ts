import { expect, test } from "vitest";
import { pageAt, PAGES, rootPath } from "./pages";

test("the root is found from any page, also behind a prefix", () => {
  expect(["/", "/query", "/targets/", "/prom/query", "/prom/", "/prom/service-discovery"].map(rootPath)).toEqual(["/", "/", "/", "/prom/", "/prom/", "/prom/"]);
});

test("a path names its page, an unknown one the query page", () => {
  expect(["/status", "/p/tsdb-status/", "/graph", "/", "/mystatus"].map((path) => pageAt(path).name)).toEqual(["status", "tsdb-status", "query", "query", "query"]);
});

test("no two pages share a key", () => {
  expect(new Set(PAGES.map((page) => page.key)).size).toBe(PAGES.length);
});
