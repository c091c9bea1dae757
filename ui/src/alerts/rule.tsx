// What the alerts and the rules page show of a rule.

import { pageUrl, type Rule, type RuleGroup } from "../api";
import { emptyPanel, formatLink } from "../query/state";
import { formatDuration } from "../shared/duration";
import { LabelList } from "../shared/widgets";
import { follow } from "../shell/router";

export function Expression({ query }: { query: string }) {
  return (
    <a class="expression" title="Run this query" href={pageUrl("query") + formatLink([{ ...emptyPanel(), expr: query }])} onClick={follow}>
      <code>{query}</code>
    </a>
  );
}

export function RuleDetails({ rule }: { rule: Rule }) {
  return (
    <>
      <Expression query={rule.query} />
      <div>
        {rule.duration ? <span class="chip">for {formatDuration(rule.duration * 1000)}</span> : null}
        {rule.keepFiringFor ? <span class="chip">keep firing for {formatDuration(rule.keepFiringFor * 1000)}</span> : null}
        <LabelList labels={rule.labels ?? {}} />
      </div>
      {Object.entries(rule.annotations ?? {}).map(([name, value]) => (
        <div class="annotation">
          <span class="label-name">{name}</span> {value}
        </div>
      ))}
    </>
  );
}

export function GroupHead({ group, children }: { group: RuleGroup; children?: preact.ComponentChildren }) {
  return (
    <div class="row">
      <h2>{group.name}</h2>
      {children}
      <span class="summary">{group.file}</span>
    </div>
  );
}
