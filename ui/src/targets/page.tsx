// The targets page: what is scraped, how it goes, and why it fails.

import { useSignal } from "@preact/signals";
import { scrapePools, targets as fetchTargets, type ActiveTarget } from "../api";
import { ago } from "../shared/duration";
import { useLoad } from "../shared/load";
import { Growing } from "../shared/more";
import { PoolCard, PoolChoice, POOLS_AT_ONCE } from "../shared/pool";
import { readParam, writeParams } from "../shared/search";
import { stored } from "../shared/settings";
import { Choice, ErrorNote, FilterField, LabelList } from "../shared/widgets";
import { splitUrl, toPools, totals, type PoolView } from "./view";

const REFRESH_MS = 5_000;

const collapsed = stored<string[]>("targetsPage.collapsedPools", []);
const showEmpty = stored("targetsPage.showEmptyPools", false);

export function TargetsPage() {
  const chosen = useSignal(readParam("pool"));
  const text = useSignal(readParam("search"));
  const health = useSignal(readParam("health"));
  const pools = useLoad(scrapePools);
  const names = pools.data.value?.scrapePools ?? [];
  const many = names.length > POOLS_AT_ONCE && chosen.value === "";
  const pool = many ? names[0] : chosen.value || undefined;
  const { data, error } = useLoad((signal) => (pools.data.value || pools.missing.value ? fetchTargets("active", pool, signal) : new Promise<never>(() => {})), [pools.data.value, pool], REFRESH_MS);

  const list = data.value?.activeTargets;
  const count = totals(list ?? []);
  const views = list ? toPools(list, { text: text.value, health: health.value }, pool ? [pool] : names) : [];
  const shown = views.filter((view) => view.targets.length > 0 || (showEmpty.value && view.total === 0));
  const folded = shown.length > 0 && shown.every((view) => collapsed.value.includes(view.name));
  const save = () => writeParams({ pool: chosen.value, search: text.value, health: health.value });
  return (
    <div class="stack">
      <h1>Target health</h1>
      <div class="row controls">
        <PoolChoice
          names={names}
          value={pool ?? ""}
          set={(name) => {
            chosen.value = name;
            save();
          }}
        />
        <FilterField
          label="Filter targets"
          placeholder="Filter by address, label or error"
          value={text.value}
          set={(value) => {
            text.value = value;
            save();
          }}
        />
        <Choice
          label="Health"
          value={health.value}
          options={[
            ["", `All ${list?.length ?? ""}`],
            ["down,unknown", "Unhealthy"],
            ["up", `Up ${count.up}`],
            ["down", `Down ${count.down}`],
            ["unknown", `Unknown ${count.unknown}`],
          ]}
          set={(value) => {
            health.value = value;
            save();
          }}
        />
        <label class="check">
          <input type="checkbox" checked={showEmpty.value} onChange={() => (showEmpty.value = !showEmpty.value)} /> Empty pools
        </label>
        {shown.length > 1 && (
          <button class="quiet" onClick={() => (collapsed.value = folded ? [] : shown.map((view) => view.name))}>
            {folded ? "Unfold all" : "Fold all"}
          </button>
        )}
      </div>
      <ErrorNote text={error.value} />
      {many && <p class="note info">There are {names.length} pools: only the first is shown. Choose another above.</p>}
      {list?.length === 0 && <p class="hint">No targets yet: add a <code>scrape_configs</code> section to the configuration.</p>}
      {list && list.length > 0 && shown.length === 0 && <p class="hint">No target passes the filter.</p>}
      {shown.map((view) => (
        <Pool key={view.name} pool={view} />
      ))}
    </div>
  );
}

function Pool({ pool }: { pool: PoolView }) {
  return (
    <PoolCard name={pool.name} collapsed={collapsed} badge={<span class={pool.total === 0 ? "badge" : pool.up === pool.total ? "badge good" : "badge bad"}>{pool.up} / {pool.total} up</span>}>
      {pool.targets.length > 0 && (
        <Growing
          items={pool.targets}
          draw={(list) => (
            <table class="targets folding">
              <thead>
                <tr>
                  <th>Endpoint</th>
                  <th>Labels</th>
                  <th>Last scrape</th>
                  <th>State</th>
                </tr>
              </thead>
              <tbody>
                {list.map((target) => (
                  <Row key={target.scrapeUrl + JSON.stringify(target.labels)} target={target} />
                ))}
              </tbody>
            </table>
          )}
        />
      )}
    </PoolCard>
  );
}

function Row({ target }: { target: ActiveTarget }) {
  const discovered = useSignal(false);
  const last = Date.parse(target.lastScrape);
  const { address, params } = splitUrl(target.scrapeUrl);
  return (
    <>
      <tr>
        <td>
          <a href={target.globalUrl} rel="noreferrer" target="_blank">
            {address}
          </a>
          {params.map(([name, value]) => (
            <div>
              <span class="chip">
                {name}={value}
              </span>
            </div>
          ))}
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
        <td class="nowrap">
          {ago(Number.isNaN(last) ? 0 : last, Date.now())}
          <div class="at">
            took {(target.lastScrapeDuration * 1000).toFixed(1)} ms, every {target.scrapeInterval}
            <br />
            timeout {target.scrapeTimeout}
          </div>
        </td>
        <td>
          <span class={`badge ${target.health === "up" ? "good" : target.health === "down" ? "bad" : ""}`}>{target.health}</span>
        </td>
      </tr>
      {target.lastError && (
        <tr class="error-row">
          <td colSpan={4}>
            <ErrorNote text={target.lastError} />
          </td>
        </tr>
      )}
    </>
  );
}
