// Rule groups: when they ran, how long they took, what failed.

import { useSignal } from "@preact/signals";
import { rules } from "../api";
import { ago, formatDuration } from "../shared/duration";
import { useLoad } from "../shared/load";
import { Growing } from "../shared/more";
import { readParam, writeParams } from "../shared/search";
import { stored } from "../shared/settings";
import { Choice, ErrorNote, FilterField } from "../shared/widgets";
import { GroupHead, RuleDetails } from "./rule";
import { filterGroups } from "./view";

const showEmpty = stored("alertsPage.showEmptyGroups", false);
const REFRESH_MS = 15_000;

const took = (seconds: number) => `${(seconds * 1000).toFixed(1)} ms`;

export function RulesPage() {
  const { data, error } = useLoad(rules, [], REFRESH_MS);
  const text = useSignal(readParam("search"));
  const health = useSignal(readParam("health"));
  const save = () => writeParams({ search: text.value, health: health.value });
  const groups = filterGroups(data.value?.groups ?? [], text.value, (rule) => health.value === "" || rule.health === health.value, showEmpty.value);
  return (
    <div class="stack">
      <h1>Rule health</h1>
      <div class="row controls">
        <FilterField
          label="Filter rules"
          placeholder="Filter by name or label"
          value={text.value}
          set={(value) => {
            text.value = value;
            save();
          }}
        />
        <Choice
          label="Health"
          value={health.value}
          options={[["", "All"], ["ok", "Ok"], ["err", "Error"], ["unknown", "Unknown"]]}
          set={(value) => {
            health.value = value;
            save();
          }}
        />
      </div>
      <ErrorNote text={error.value} />
      {data.value && groups.length === 0 && <p class="hint">No rules here.</p>}
      <Growing
        items={groups}
        draw={(list) =>
          list.map((group) => (
            <section class="card" key={group.file + group.name}>
              <GroupHead group={group}>
                <span class="at">
                  ran {ago(Date.parse(group.lastEvaluation), Date.now())}, took {took(group.evaluationTime)}, every {formatDuration(group.interval * 1000)}
                </span>
              </GroupHead>
              {group.rules.map((rule) => (
                <div class={`rule ${rule.health === "err" ? "bad" : ""}`}>
                  <div class="row">
                    <b>{rule.name}</b>
                    <span class="badge">{rule.type}</span>
                    <span class={`badge ${rule.health === "ok" ? "good" : rule.health === "err" ? "bad" : ""}`}>{rule.health}</span>
                    <span class="summary">
                      {ago(Date.parse(rule.lastEvaluation), Date.now())}, {took(rule.evaluationTime)}
                    </span>
                  </div>
                  <RuleDetails rule={rule} />
                  <ErrorNote text={rule.lastError ? `Rule failed to evaluate: ${rule.lastError}` : ""} />
                </div>
              ))}
            </section>
          ))
        }
      />
    </div>
  );
}
