// From the API's list of targets to what the page shows.

import type { ActiveTarget } from "../api";

export interface PoolView {
  name: string;
  up: number;
  targets: ActiveTarget[];
}

/** Targets by pool, filtered by health and by words found in address, labels or error. */
export function toPools(targets: ActiveTarget[], filter: { text: string; health: string }): PoolView[] {
  const words = filter.text.toLowerCase().split(/\s+/).filter(Boolean);
  const pools = new Map<string, PoolView>();
  for (const target of targets) {
    const pool = pools.get(target.scrapePool) ?? { name: target.scrapePool, up: 0, targets: [] };
    pools.set(target.scrapePool, pool);
    if (target.health === "up") pool.up++;
    if (filter.health !== "" && target.health !== filter.health) continue;
    const text = [target.scrapePool, target.scrapeUrl, target.lastError, ...Object.entries(target.labels).map(([n, v]) => `${n}="${v}"`)].join(" ").toLowerCase();
    if (words.every((word) => text.includes(word))) pool.targets.push(target);
  }
  return [...pools.values()].sort((a, b) => (a.name < b.name ? -1 : 1));
}

/** How many targets there are, and how many of them are up. */
export function totals(targets: ActiveTarget[]): { up: number; down: number; unknown: number } {
  const count = { up: 0, down: 0, unknown: 0 };
  for (const target of targets) count[target.health]++;
  return count;
}
