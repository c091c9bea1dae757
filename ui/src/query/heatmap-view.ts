// From native histograms over time to the cells of a heat map.

import type { HistogramValue, MatrixElement } from "../api";

export interface Cell {
  /** Which step of the query. */
  step: number;
  /** Bounds of the bucket. */
  low: number;
  high: number;
  count: number;
}

export interface Heatmap {
  cells: Cell[];
  /** All bounds that occur, ascending: the rows of the map lie between them. */
  bounds: number[];
  countMax: number;
}

const toNumber = (text: string) => Number(text.replace("Inf", "Infinity"));

/** The buckets of all series together, by step and bounds. */
export function toHeatmap(result: MatrixElement[], startMs: number, stepMs: number): Heatmap {
  const cells = new Map<string, Cell>();
  const bounds = new Set<number>();
  for (const { histograms } of result) {
    for (const [seconds, value] of histograms ?? []) {
      const step = Math.round((seconds * 1000 - startMs) / stepMs);
      for (const [, lowText, highText, countText] of value.buckets ?? []) {
        const low = toNumber(lowText);
        const high = toNumber(highText);
        const key = `${step} ${low} ${high}`;
        const cell = cells.get(key) ?? { step, low, high, count: 0 };
        cell.count += toNumber(countText);
        cells.set(key, cell);
        bounds.add(low);
        bounds.add(high);
      }
    }
  }
  const list = [...cells.values()];
  return { cells: list, bounds: [...bounds].sort((a, b) => a - b), countMax: list.reduce((most, cell) => Math.max(most, cell.count), 0) };
}

export interface BucketBar {
  text: string;
  count: string;
  /** Where it begins and how wide it is, of the whole axis. */
  left: number;
  width: number;
  height: number;
}

/**
 * The bars of one histogram. On the exponential axis all buckets are equally
 * wide and as high as their count; on the linear one widths are the buckets'
 * own, and areas are the counts.
 */
export function bucketBars(value: HistogramValue, axis: "exponential" | "linear"): BucketBar[] {
  const buckets = (value.buckets ?? []).map(([rule, low, high, count]) => ({
    text: `${rule === 1 || rule === 3 ? "[" : "("}${low}, ${high}${rule === 0 || rule === 3 ? "]" : ")"}`,
    low: toNumber(low),
    high: toNumber(high),
    count,
  }));
  const finite = buckets.flatMap((b) => [b.low, b.high]).filter(Number.isFinite);
  const start = Math.min(...finite);
  const span = Math.max(...finite) - start || 1;
  const bars = buckets.map(({ text, low, high, count }, i) => {
    const from = axis === "exponential" ? i / buckets.length : ((Number.isFinite(low) ? low : start) - start) / span;
    const to = axis === "exponential" ? (i + 1) / buckets.length : ((Number.isFinite(high) ? high : start + span) - start) / span;
    const width = to - from;
    return { text, count, left: from, width, height: axis === "exponential" ? toNumber(count) : width > 0 ? toNumber(count) / width : 0 };
  });
  const highest = Math.max(1e-300, ...bars.map((bar) => bar.height));
  return bars.map((bar) => ({ ...bar, height: bar.height / highest }));
}
