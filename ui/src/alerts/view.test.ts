import { expect, test } from "vitest";
import type { Rule, RuleGroup } from "../api";
import { countStates, filterGroups } from "./view";

const rule = (name: string, state?: Rule["state"]): Rule => ({ type: state ? "alerting" : "recording", name, query: "up", labels: { severity: "page" }, state, health: "ok", evaluationTime: 0, lastEvaluation: "" });
const groups: RuleGroup[] = [
  { name: "a", file: "a.yml", interval: 60, evaluationTime: 0, lastEvaluation: "", rules: [rule("Down", "firing"), rule("Slow", "inactive"), rule("job:x")] },
  { name: "b", file: "a.yml", interval: 60, evaluationTime: 0, lastEvaluation: "", rules: [] },
];

test("alerting rules are counted by state", () => {
  expect(countStates(groups)).toEqual({ firing: 1, pending: 0, inactive: 1, unknown: 0 });
});

test("rules are found by name and labels", () => {
  const names = (text: string, empty = false) => filterGroups(groups, text, (r) => r.type === "alerting", empty).map((g) => [g.name, g.rules.map((r) => r.name)]);
  expect(names('severity="page"')).toEqual([["a", ["Down", "Slow"]]]);
  expect(names("down", true)).toEqual([["a", ["Down"]], ["b", []]]);
});
