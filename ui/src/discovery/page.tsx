// Service discovery: what was found, and what relabelling made of it.

import { useSignal } from "@preact/signals";
import { relabelSteps, scrapePools, targets, type RelabelStep } from "../api";
import type { LabelMap } from "../shared/format";
import { useLoad } from "../shared/load";
import { Growing } from "../shared/more";
import { PoolCard, PoolChoice, POOLS_AT_ONCE } from "../shared/pool";
import { readParam, writeParams } from "../shared/search";
import { stored } from "../shared/settings";
import { Choice, Dialog, ErrorNote, FilterField, LabelList } from "../shared/widgets";
import { difference, toFoundPools, type Filter, type FoundPool, type FoundTarget } from "./view";

const collapsed = stored<string[]>("serviceDiscovery.collapsedPools", []);
const showEmpty = stored("serviceDiscoveryPage.showEmptyPools", false);

export function DiscoveryPage() {
  const chosen = useSignal(readParam("pool"));
  const filter = useSignal<Filter>({ text: readParam("search"), state: readParam("state") as Filter["state"] });
  const pools = useLoad(scrapePools);
  const names = pools.data.value?.scrapePools ?? [];
  const many = names.length > POOLS_AT_ONCE && chosen.value === "";
  const pool = many ? names[0] : chosen.value || undefined;
  const { data, error } = useLoad((signal) => (pools.data.value ? targets("any", pool, signal) : new Promise<never>(() => {})), [pools.data.value, pool]);
  const change = (by: Partial<Filter>) => {
    filter.value = { ...filter.value, ...by };
    writeParams({ search: filter.value.text, state: filter.value.state });
  };
  const all = data.value ? toFoundPools(data.value, pool ? [pool] : names, filter.value) : [];
  const shown = all.filter((p) => p.targets.length > 0 || showEmpty.value);
  return (
    <div class="stack">
      <h1>Service discovery</h1>
      <div class="row controls">
        <PoolChoice names={names} value={pool ?? ""} set={(name) => writeParams({ pool: (chosen.value = name) })} />
        <FilterField label="Filter targets" placeholder="Filter by label" value={filter.value.text} set={(text) => change({ text })} />
        <Choice label="State" options={[["", "All"], ["active", "Active"], ["dropped", "Dropped"]]} value={filter.value.state} set={(state) => change({ state })} />
        <label class="check">
          <input type="checkbox" checked={showEmpty.value} onChange={() => (showEmpty.value = !showEmpty.value)} /> Empty pools
        </label>
      </div>
      <ErrorNote text={pools.error.value || error.value} />
      {many && <p class="note info">There are {names.length} pools: only the first is shown. Choose another above.</p>}
      {data.value && shown.length === 0 && <p class="hint">No targets here{all.length > 0 && !showEmpty.value ? ": none passes the filter, or the pools are empty" : ""}.</p>}
      {shown.map((p) => (
        <Pool key={p.name} pool={p} />
      ))}
    </div>
  );
}

function Pool({ pool }: { pool: FoundPool }) {
  return (
    <PoolCard
      name={pool.name}
      collapsed={collapsed}
      badge={
        <>
          <span class={pool.active > 0 ? "badge good" : "badge"}>{pool.active} active</span> {pool.dropped + pool.forgotten > 0 && <span class="badge">{pool.dropped + pool.forgotten} dropped</span>}
        </>
      }
    >
      {pool.forgotten > 0 && <p class="note info">{pool.forgotten} dropped targets are not listed: the server keeps no more than keep_dropped_targets of them.</p>}
      <Growing
        items={pool.targets}
        draw={(list) => (
          <table class="targets folding halves">
            <thead>
              <tr>
                <th>Discovered labels</th>
                <th>Target labels</th>
              </tr>
            </thead>
            <tbody>
              {list.map((target) => (
                <Row target={target} />
              ))}
            </tbody>
          </table>
        )}
      />
    </PoolCard>
  );
}

function Row({ target }: { target: FoundTarget }) {
  const steps = useSignal(false);
  return (
    <tr>
      <td>
        <LabelList labels={target.discovered} />
      </td>
      <td>
        {target.labels ? <LabelList labels={target.labels} /> : <span class="badge">dropped by relabelling</span>}
        <div>
          <button class="quiet small" onClick={() => (steps.value = true)}>
            Show relabelling
          </button>
        </div>
        {steps.value && <StepsDialog target={target} close={() => (steps.value = false)} />}
      </td>
    </tr>
  );
}

function StepsDialog({ target, close }: { target: FoundTarget; close: () => void }) {
  const { data, error, missing } = useLoad((signal) => relabelSteps(target.pool, target.discovered, signal));
  return (
    <Dialog title="Relabelling, step by step" close={close} wide>
      <ErrorNote text={missing.value ? "This server does not tell the steps." : error.value} />
      {data.value?.steps.length === 0 && <p class="hint">This pool has no relabelling rules.</p>}
      <ol class="steps">
        {data.value?.steps.map((step, i, all) => (
          <Step step={step} before={i === 0 ? target.discovered : all[i - 1]!.output} />
        ))}
      </ol>
    </Dialog>
  );
}

function Step({ step, before }: { step: RelabelStep; before: LabelMap }) {
  const changes = step.keep ? difference(before, step.output) : [];
  return (
    <li>
      <code>
        {Object.entries(step.rule)
          .map(([key, value]) => `${key}: ${Array.isArray(value) ? `[${value.join(", ")}]` : String(value)}`)
          .join(", ")}
      </code>
      {!step.keep && <p class="note warning">Drops the target.</p>}
      {step.keep && changes.length === 0 && <p class="hint">Changes nothing.</p>}
      <ul class="changes">
        {changes.map(({ name, before: old, after }) => (
          <li>
            <span class="label-name">{name}</span> {old !== undefined && <del>{old}</del>} {after !== undefined ? <ins>{after}</ins> : <span class="at">removed</span>}
          </li>
        ))}
      </ul>
    </li>
  );
}
