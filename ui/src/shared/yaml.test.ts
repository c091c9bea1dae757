import { expect, test } from "vitest";
import { yamlParts } from "./yaml";

test("lines fall into keys, numbers and texts, and lose nothing", () => {
  expect(yamlParts("  scrape_interval: 15s")).toEqual([["plain", "  "], ["key", "scrape_interval:"], ["plain", " "], ["number", "15s"]]);
  expect(yamlParts("- job_name: node")).toEqual([["plain", "- "], ["key", "job_name:"], ["plain", " "], ["string", "node"]]);
  expect(yamlParts("    - localhost:9090")).toEqual([["plain", "    - "], ["string", "localhost:9090"]]);
  expect(yamlParts("# why: because")).toEqual([["comment", "# why: because"]]);
  for (const line of ["", "global:", `  regex: "a: b"`, "  - 'x': y", "a:b"]) {
    expect(yamlParts(line).map(([, text]) => text).join("")).toBe(line);
  }
});
