// From the API's names, metadata and series to what the metrics explorer shows.

import type { Metadata } from "../api";
import type { LabelMap } from "../shared/format";

export interface Metric {
  name: string;
  type: string;
  help: string;
  unit: string;
}

const SUFFIX = /_(bucket|count|sum|total|created|info)$/;

/** Every metric with what is known of it; parts of histograms and summaries take their family's. */
export function toMetrics(names: string[], metadata: Record<string, Metadata[]>): Metric[] {
  return names.map((name) => {
    const { type = "", help = "", unit = "" } = (metadata[name] ?? metadata[name.replace(SUFFIX, "")])?.[0] ?? {};
    return { name, type, help, unit };
  });
}

export interface LabelCount {
  label: string;
  /** Values with the number of series that have them, the most frequent first. */
  values: [string, number][];
}

/** The labels of some series, those with the most values first. */
export function countLabels(series: LabelMap[]): LabelCount[] {
  const labels = new Map<string, Map<string, number>>();
  for (const one of series) {
    for (const [label, value] of Object.entries(one)) {
      if (label === "__name__") continue;
      const values = labels.get(label) ?? new Map<string, number>();
      labels.set(label, values);
      values.set(value, (values.get(value) ?? 0) + 1);
    }
  }
  return [...labels]
    .map(([label, values]) => ({ label, values: [...values].sort((a, b) => b[1] - a[1] || (a[0] < b[0] ? -1 : 1)) }))
    .sort((a, b) => b.values.length - a.values.length || (a.label < b.label ? -1 : 1));
}
