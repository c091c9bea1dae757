// Alerting rules and the alerts they raise.

import { useSignal } from "@preact/signals";
import { rules, type Rule } from "../api";
import { ago, formatTime } from "../shared/duration";
import { useLoad } from "../shared/load";
import { Growing } from "../shared/more";
import { readParam, writeParams } from "../shared/search";
import { stored, useLocalTime } from "../shared/settings";
import { Choice, ErrorNote, FilterField, LabelList } from "../shared/widgets";
import { GroupHead, RuleDetails } from "./rule";
import { countStates, filterGroups, STATES, type AlertState } from "./view";

const showEmpty = stored("alertsPage.showEmptyGroups", false);
const REFRESH_MS = 15_000;
const COLOURS: Record<AlertState, string> = { firing: "bad", pending: "warn", inactive: "good", unknown: "" };

export function AlertsPage() {
  const { data, error } = useLoad(rules, [], REFRESH_MS);
  const text = useSignal(readParam("search"));
  const state = useSignal(readParam("state"));
  const save = () => writeParams({ search: text.value, state: state.value });
  const count = countStates(data.value?.groups ?? []);
  const groups = filterGroups(data.value?.groups ?? [], text.value, (rule) => rule.type === "alerting" && (state.value === "" || rule.state === state.value), showEmpty.value);
  return (
    <div class="stack">
      <h1>Alerts</h1>
      <div class="row controls">
        <FilterField
          label="Filter alerts"
          placeholder="Filter by name or label"
          value={text.value}
          set={(value) => {
            text.value = value;
            save();
          }}
        />
        <Choice
          label="State"
          value={state.value}
          options={[["", "All"], ...STATES.filter((s) => s !== "unknown" || count[s] > 0).map((s): [string, string] => [s, `${s} ${count[s]}`])]}
          set={(value) => {
            state.value = value;
            save();
          }}
        />
        <label class="check">
          <input type="checkbox" checked={showEmpty.value} onChange={() => (showEmpty.value = !showEmpty.value)} /> Empty groups
        </label>
      </div>
      <ErrorNote text={error.value} />
      {data.value && groups.length === 0 && <p class="hint">No alerting rules here.</p>}
      <Growing
        items={groups}
        draw={(list) =>
          list.map((group) => (
            <section class="card" key={group.file + group.name}>
              <GroupHead group={group} />
              {group.rules.map((rule) => (
                <AlertingRule key={rule.name + rule.query} rule={rule} />
              ))}
            </section>
          ))
        }
      />
    </div>
  );
}

function AlertingRule({ rule }: { rule: Rule }) {
  const state = rule.state ?? "unknown";
  const alerts = rule.alerts ?? [];
  return (
    <details class={`rule ${COLOURS[state]}`}>
      <summary>
        <b>{rule.name}</b> <span class={`badge ${COLOURS[state]}`}>{state}{alerts.length > 0 ? ` ${alerts.length}` : ""}</span>
      </summary>
      <RuleDetails rule={rule} />
      <ErrorNote text={rule.lastError ?? ""} />
      {alerts.length > 0 && (
        <table class="targets folding">
          <thead>
            <tr>
              <th>Labels</th>
              <th>State</th>
              <th>Active since</th>
              <th>Value</th>
            </tr>
          </thead>
          <tbody>
            {alerts.map((alert) => (
              <tr>
                <td>
                  <LabelList labels={alert.labels} />
                  {Object.entries(alert.annotations).map(([name, value]) => (
                    <div class="annotation">
                      <span class="label-name">{name}</span> {value}
                    </div>
                  ))}
                </td>
                <td>
                  <span class={`badge ${COLOURS[alert.state]}`}>{alert.state}</span>
                </td>
                <td title={formatTime(Date.parse(alert.activeAt), useLocalTime.value)}>{ago(Date.parse(alert.activeAt), Date.now())}</td>
                <td class="value">{Number(alert.value)}</td>
              </tr>
            ))}
          </tbody>
        </table>
      )}
    </details>
  );
}
