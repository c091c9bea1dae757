// From the API's matrix to columns for drawing.

import type { ExemplarSeries, MatrixElement } from "../api";
import type { LabelMap } from "../shared/format";

export interface GraphData {
  /** Seconds, ascending, one for each step. */
  times: number[];
  /** One row per series; null where there is no finite value. */
  rows: (number | null)[][];
  metrics: LabelMap[];
}

/** Puts every series on the query's grid of steps. Histograms are drawn by their sum. */
export function toGraph(result: MatrixElement[], startMs: number, endMs: number, stepMs: number): GraphData {
  const count = Math.floor((endMs - startMs) / stepMs) + 1;
  const times = Array.from({ length: count }, (_, i) => (startMs + i * stepMs) / 1000);
  const rows = result.map((series) => {
    const row = new Array<number | null>(count).fill(null);
    const put = (seconds: number, text: string) => {
      const value = Number(text.replace("Inf", "Infinity"));
      const at = Math.round((seconds * 1000 - startMs) / stepMs);
      if (at >= 0 && at < count && Number.isFinite(value)) row[at] = value;
    };
    for (const [seconds, text] of series.values ?? []) put(seconds, text);
    for (const [seconds, histogram] of series.histograms ?? []) put(seconds, histogram.sum);
    return row;
  });
  return { times, rows, metrics: result.map((series) => series.metric) };
}

/** Each row on top of those before it; hidden rows do not count. */
export function stack(rows: (number | null)[][], shown: boolean[]): (number | null)[][] {
  const sums: number[] = [];
  return rows.map((row, r) =>
    row.map((value, i) => {
      if (value === null || !shown[r]) return value;
      sums[i] = (sums[i] ?? 0) + value;
      return sums[i]!;
    }),
  );
}

export interface ExemplarPoint {
  seconds: number;
  value: number;
  labels: LabelMap;
  series: LabelMap;
}

/** The exemplars that lie in the range and have a finite value. */
export function toExemplars(list: ExemplarSeries[], startMs: number, endMs: number): ExemplarPoint[] {
  return list
    .flatMap(({ seriesLabels, exemplars }) => exemplars.map(({ labels, value, timestamp }) => ({ seconds: timestamp, value: Number(value), labels, series: seriesLabels })))
    .filter(({ seconds, value }) => Number.isFinite(value) && seconds * 1000 >= startMs && seconds * 1000 <= endMs);
}
