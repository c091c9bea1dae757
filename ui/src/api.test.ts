import { expect, test } from "vitest";
import { rootPath } from "./api";

test("the root is found from any page, also behind a prefix", () => {
  expect(["/", "/query", "/targets/", "/prom/query", "/prom/"].map(rootPath)).toEqual(["/", "/", "/", "/prom/", "/prom/"]);
});
