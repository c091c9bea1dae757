// The targets page: what is scraped, how it goes, and why it fails.

import { useSignal } from "@preact/signals";
import { useEffect } from "preact/hooks";
import { targets as fetchTargets, type ActiveTarget } from "../api";
import { ago } from "../shared/duration";
import { labelPairs, type LabelMap } from "../shared/format";
import { toPools, totals, type PoolView } from "./view";

const REFRESH_MS = 5_000;

export function TargetsPage() {
  const list = useSignal<ActiveTarget[] | null>(null);
  const error = useSignal("");
  const text = useSignal("");
  const health = useSignal("");

  useEffect(() => {
    const abort = new AbortController();
    const load = () =>
      fetchTargets(abort.signal)
        .then((answer) => {
          list.value = answer.data.activeTargets;
          error.value = "";
        })
        .catch((e: Error) => {
          if (!abort.signal.aborted) error.value = e.message;
        });
    void load();
    const timer = setInterval(load, REFRESH_MS);
    return () => {
      abort.abort();
      clearInterval(timer);
    };
  }, []);

  const count = totals(list.value ?? []);
  return (
    <div class="stack">
      <div class="row controls">
        <input class="grow" type="search" aria-label="Filter targets" placeholder="Filter by address, label or error" value={text.value} onInput={(e) => (text.value = e.currentTarget.value)} />
        <div class="tabs" role="group" aria-label="Health">
          {[
            ["", `All ${list.value?.length ?? ""}`],
            ["up", `Up ${count.up}`],
            ["down", `Down ${count.down}`],
            ["unknown", `Unknown ${count.unknown}`],
          ].map(([value, label]) => (
            <button aria-selected={health.value === value} onClick={() => (health.value = value!)}>
              {label}
            </button>
          ))}
        </div>
      </div>
      {error.value && <pre class="note error">{error.value}</pre>}
      {list.value?.length === 0 && <p class="hint">No targets yet: add a <code>scrape_configs</code> section to the configuration.</p>}
      {toPools(list.value ?? [], { text: text.value, health: health.value }).map((pool) => (
        <Pool key={pool.name} pool={pool} total={list.value!.filter((t) => t.scrapePool === pool.name).length} />
      ))}
    </div>
  );
}

function Pool({ pool, total }: { pool: PoolView; total: number }) {
  if (pool.targets.length === 0) return null;
  return (
    <details class="card" open>
      <summary>
        <b>{pool.name}</b> <span class={pool.up === total ? "badge good" : "badge bad"}>{pool.up} / {total} up</span>
      </summary>
      <table class="targets">
        <thead>
          <tr>
            <th>Endpoint</th>
            <th>Labels</th>
            <th>Last scrape</th>
            <th>State</th>
          </tr>
        </thead>
        <tbody>
          {pool.targets.map((target) => (
            <Row key={target.scrapeUrl + JSON.stringify(target.labels)} target={target} />
          ))}
        </tbody>
      </table>
    </details>
  );
}

function LabelList({ labels }: { labels: LabelMap }) {
  return (
    <>
      {labelPairs(labels).map(([name, value]) => (
        <span class="chip">
          <span class="label-name">{name}</span>="<span class="label-value">{value}</span>"
        </span>
      ))}
    </>
  );
}

function Row({ target }: { target: ActiveTarget }) {
  const discovered = useSignal(false);
  const last = Date.parse(target.lastScrape);
  return (
    <>
      <tr>
        <td>
          <a href={target.globalUrl} rel="noreferrer">
            {target.scrapeUrl}
          </a>
        </td>
        <td>
          <LabelList labels={target.labels} />
          <button class="quiet small" aria-expanded={discovered.value} title="Labels before relabelling" onClick={() => (discovered.value = !discovered.value)}>
            {discovered.value ? "less" : "discovered"}
          </button>
          {discovered.value && (
            <div>
              <LabelList labels={target.discoveredLabels} />
            </div>
          )}
        </td>
        <td title={`every ${target.scrapeInterval}, timeout ${target.scrapeTimeout}`}>
          {ago(Number.isNaN(last) ? 0 : last, Date.now())}
          <div class="at">took {(target.lastScrapeDuration * 1000).toFixed(1)} ms</div>
        </td>
        <td>
          <span class={`badge ${target.health === "up" ? "good" : target.health === "down" ? "bad" : ""}`}>{target.health}</span>
        </td>
      </tr>
      {target.lastError && (
        <tr>
          <td colSpan={4}>
            <pre class="note error">{target.lastError}</pre>
          </td>
        </tr>
      )}
    </>
  );
}
