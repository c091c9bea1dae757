// What is in the head of the database, and what makes it large.

import { useSignal } from "@preact/signals";
import { cleanTombstones, deleteSeries, pageUrl, tsdbStatus, type NamedCount } from "../api";
import { formatField, parseField } from "../shared/duration";
import { useLoad } from "../shared/load";
import { useLocalTime } from "../shared/settings";
import { Choice, Dialog, ErrorNote } from "../shared/widgets";
import { formatLink, emptyPanel } from "../query/state";
import { follow } from "../shell/router";
import { hasAdmin } from "../shell/features";
import { bars, formatBytes, formatCount, headRows, pairSelector } from "./view";

/** How often the figures are asked for again. */
const REFRESH_MS = 15_000;

/** What a list counted when the page was opened, to show what has grown since. */
type Baseline = Map<string, number>;

export function TsdbPage() {
  const limit = useSignal<"10" | "50" | "200">("10");
  const { data, error } = useLoad((signal) => tsdbStatus(Number(limit.value), signal), [limit.value], REFRESH_MS);
  const stats = data.value;
  const total = stats?.headStats.numSeries;
  const query = (expr: string) => `${pageUrl("query")}${formatLink([{ ...emptyPanel(), expr }])}`;
  return (
    <div class="stack">
      <div class="row">
        <h1>TSDB status</h1>
        <Choice label="Length of the lists" options={[["10", "Top 10"], ["50", "Top 50"], ["200", "Top 200"]]} value={limit.value} set={(value) => (limit.value = value)} />
      </div>
      <ErrorNote text={error.value} />
      {stats && (
        <>
          <section class="card">
            <h2>Head</h2>
            <dl class="figures">
              {headRows(stats.headStats, useLocalTime.value).map(([name, value]) => (
                <div key={name}>
                  <dt>{name}</dt>
                  <dd>{value}</dd>
                </div>
              ))}
            </dl>
          </section>
          <div class="columns">
            <TopList title="Metrics with the most series" list={stats.seriesCountByMetricName} whole={total} format={formatCount} link={(name) => query(`{__name__=${JSON.stringify(name)}}`)} />
            <TopList title="Label pairs with the most series" list={stats.seriesCountByLabelValuePair} whole={total} format={formatCount} link={(name) => query(`count by (__name__) (${pairSelector(name)})`)} />
            <TopList title="Labels with the most values" list={stats.labelValueCountByLabelName} format={formatCount} />
            <TopList title="Labels that take the most memory" list={stats.memoryInBytesByLabelName} format={formatBytes} />
          </div>
          <Administration />
        </>
      )}
    </div>
  );
}

function TopList(props: { title: string; list: NamedCount[]; whole?: number; format: (value: number) => string; link?: (name: string) => string }) {
  const baseline = useSignal<Baseline>(new Map());
  for (const { name, value } of props.list) if (!baseline.value.has(name)) baseline.value.set(name, value);
  return (
    <section class="card">
      <h2>{props.title}</h2>
      {props.list.length === 0 && <p class="hint">Nothing yet.</p>}
      <table class="bars">
        <tbody>
          {bars(props.list, props.whole).map(({ name, value, share }) => {
            const grown = value - baseline.value.get(name)!;
            return (
              <tr key={name}>
                <td>
                  <div class="bar" style={{ width: `${share * 100}%` }} />
                  {props.link ? (
                    <a href={props.link(name)} onClick={follow}>
                      {name}
                    </a>
                  ) : (
                    <span>{name}</span>
                  )}
                </td>
                <td class="value">
                  {grown !== 0 && (
                    <span class="at" title="Since this page was opened">
                      {grown > 0 ? "+" : "−"}
                      {props.format(Math.abs(grown))}{" "}
                    </span>
                  )}
                  {props.format(value)}
                  {props.whole ? <span class="at"> {((100 * value) / props.whole).toFixed(1)} %</span> : null}
                </td>
              </tr>
            );
          })}
        </tbody>
      </table>
    </section>
  );
}

/** Deleting, where the server allows it. */
function Administration() {
  const open = useSignal(false);
  const said = useSignal("");
  const failed = useSignal("");
  if (!hasAdmin()) return null;
  const run = (what: Promise<unknown>, text: string) =>
    what.then(
      () => {
        said.value = text;
        failed.value = "";
      },
      (e: Error) => (failed.value = e.message),
    );
  return (
    <section class="card">
      <h2>Administration</h2>
      <div class="row">
        <button onClick={() => (open.value = true)}>Delete series …</button>
        <button onClick={() => run(cleanTombstones(), "The room of deleted series is free again.")}>Clean tombstones</button>
      </div>
      {said.value && <p class="note info">{said.value}</p>}
      <ErrorNote text={failed.value} />
      {open.value && (
        <DeleteDialog
          close={() => (open.value = false)}
          remove={(selectors, start, end) => {
            open.value = false;
            void run(deleteSeries(selectors, start, end), "Deleted.");
          }}
        />
      )}
    </section>
  );
}

function DeleteDialog(props: { close: () => void; remove: (selectors: string[], startMs: number | null, endMs: number | null) => void }) {
  const text = useSignal("");
  const start = useSignal("");
  const end = useSignal("");
  const local = useLocalTime.value;
  const selectors = text.value.split("\n").map((line) => line.trim()).filter(Boolean);
  const times = [start.value, end.value].map((value) => (value === "" ? null : parseField(value, local)));
  const wrong = [start.value, end.value].some((value, i) => value !== "" && times[i] === null);
  const hint = formatField(Date.now(), local);
  return (
    <Dialog title="Delete series" close={props.close}>
      <textarea aria-label="Selectors, one on each line" placeholder={'up{job="old"}\none selector on each line'} rows={5} value={text.value} onInput={(e) => (text.value = e.currentTarget.value)} />
      <div class="row controls">
        <label>
          From <input placeholder={hint} value={start.value} onInput={(e) => (start.value = e.currentTarget.value)} />
        </label>
        <label>
          to <input placeholder={hint} value={end.value} onInput={(e) => (end.value = e.currentTarget.value)} />
        </label>
      </div>
      <p class="hint">No time means all times. This cannot be undone.</p>
      <button class="primary" disabled={selectors.length === 0 || wrong} onClick={() => props.remove(selectors, times[0]!, times[1]!)}>
        Delete
      </button>
    </Dialog>
  );
}
