// From the API's targets to what the service discovery page shows.

import type { TargetsData } from "../api";
import type { LabelMap } from "../shared/format";
import { hasWords } from "../shared/words";

export interface FoundTarget {
  pool: string;
  discovered: LabelMap;
  /** The labels after relabelling; null when that dropped the target. */
  labels: LabelMap | null;
}

export interface FoundPool {
  name: string;
  active: number;
  dropped: number;
  /** Dropped targets whose labels the server did not keep. */
  forgotten: number;
  /** Those that pass the filter. */
  targets: FoundTarget[];
}

export interface Filter {
  text: string;
  state: "" | "active" | "dropped";
}

/** What was found, by pool; `pools` names all of them, so that empty ones show. */
export function toFoundPools(data: TargetsData, pools: string[], filter: Filter): FoundPool[] {
  const found = new Map<string, FoundPool>();
  const pool = (name: string) => {
    let entry = found.get(name);
    if (!entry) found.set(name, (entry = { name, active: 0, dropped: 0, forgotten: 0, targets: [] }));
    return entry;
  };
  for (const name of pools) pool(name);
  const passes = (target: FoundTarget) =>
    (filter.state === "" || (filter.state === "active") === (target.labels !== null)) && hasWords([target.pool, ...pairs(target.discovered), ...pairs(target.labels ?? {})].join(" "), filter.text);
  const add = (target: FoundTarget) => {
    const entry = pool(target.pool);
    if (target.labels) entry.active++;
    else entry.dropped++;
    if (passes(target)) entry.targets.push(target);
  };
  for (const t of data.activeTargets) add({ pool: t.scrapePool, discovered: t.discoveredLabels, labels: t.labels });
  for (const t of data.droppedTargets ?? []) add({ pool: t.scrapePool, discovered: t.discoveredLabels, labels: null });
  for (const [name, count] of Object.entries(data.droppedTargetCounts ?? {})) {
    const entry = found.get(name);
    if (entry) entry.forgotten = Math.max(0, count - entry.dropped);
  }
  return [...found.values()].sort((a, b) => (a.name < b.name ? -1 : 1));
}

function pairs(labels: LabelMap): string[] {
  return Object.entries(labels).map(([name, value]) => `${name}="${value}"`);
}

/** How one step of relabelling changed the labels. */
export function difference(before: LabelMap, after: LabelMap): { name: string; before?: string; after?: string }[] {
  const names = [...new Set([...Object.keys(before), ...Object.keys(after)])].sort();
  return names.filter((name) => before[name] !== after[name]).map((name) => ({ name, before: before[name], after: after[name] }));
}
