// From the API's list of targets to what the page shows.

import type { ActiveTarget } from "../api";
import { hasWords } from "../shared/words";

export interface PoolView {
  name: string;
  up: number;
  total: number;
  /** Those that pass the filter. */
  targets: ActiveTarget[];
}

/** Targets by pool, filtered by health and by words found in address, labels or error; `names` adds pools without targets. */
export function toPools(targets: ActiveTarget[], filter: { text: string; health: string }, names: string[] = []): PoolView[] {
  const pools = new Map<string, PoolView>(names.map((name) => [name, { name, up: 0, total: 0, targets: [] }]));
  for (const target of targets) {
    const pool = pools.get(target.scrapePool) ?? { name: target.scrapePool, up: 0, total: 0, targets: [] };
    pools.set(target.scrapePool, pool);
    pool.total++;
    if (target.health === "up") pool.up++;
    if (filter.health !== "" && !filter.health.split(",").includes(target.health)) continue;
    const text = [target.scrapePool, target.scrapeUrl, target.lastError, ...Object.entries(target.labels).map(([n, v]) => `${n}="${v}"`)].join(" ");
    if (hasWords(text, filter.text)) pool.targets.push(target);
  }
  return [...pools.values()].sort((a, b) => (a.name < b.name ? -1 : 1));
}

/** The address without its query, and the query's parameters. */
export function splitUrl(url: string): { address: string; params: [string, string][] } {
  const at = url.indexOf("?");
  if (at < 0) return { address: url, params: [] };
  return { address: url.slice(0, at), params: [...new URLSearchParams(url.slice(at + 1))] };
}

/** How many targets there are, and how many of them are up. */
export function totals(targets: ActiveTarget[]): { up: number; down: number; unknown: number } {
  const count = { up: 0, down: 0, unknown: 0 };
  for (const target of targets) count[target.health]++;
  return count;
}
