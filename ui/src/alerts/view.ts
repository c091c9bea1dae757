// From the API's rule groups to what the alerts and rules pages show.

import type { Rule, RuleGroup } from "../api";
import { hasWords } from "../shared/words";

/** States of alerting rules, the most urgent first. */
export const STATES = ["firing", "pending", "inactive", "unknown"] as const;
export type AlertState = (typeof STATES)[number];

const ruleText = (group: RuleGroup, rule: Rule) => [group.name, rule.name, ...Object.entries(rule.labels ?? {}).map(([name, value]) => `${name}="${value}"`)].join(" ");

/** How many alerting rules are in each state. */
export function countStates(groups: RuleGroup[]): Record<AlertState, number> {
  const count = { firing: 0, pending: 0, inactive: 0, unknown: 0 };
  for (const group of groups) for (const rule of group.rules) if (rule.type === "alerting") count[rule.state ?? "unknown"]++;
  return count;
}

/** Groups with the rules that pass; groups left without rules only when `empty`. */
export function filterGroups(groups: RuleGroup[], text: string, passes: (rule: Rule) => boolean, empty: boolean): RuleGroup[] {
  return groups.map((group) => ({ ...group, rules: group.rules.filter((rule) => passes(rule) && hasWords(ruleText(group, rule), text)) })).filter((group) => empty || group.rules.length > 0);
}
