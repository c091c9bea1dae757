// Labels and numbers as text.

export type LabelMap = Record<string, string>;

const LEGACY_NAME = /^[a-zA-Z_:][a-zA-Z0-9_:]*$/;
const LEGACY_LABEL = /^[a-zA-Z_][a-zA-Z0-9_]*$/;

/** The pairs of a series other than its name, sorted, each `label="value"`. */
export function labelPairs(metric: LabelMap): [string, string][] {
  return Object.entries(metric)
    .filter(([name]) => name !== "__name__")
    .sort(([a], [b]) => (a < b ? -1 : a > b ? 1 : 0));
}

/** A series as PromQL writes it: `up{job="x"}`. */
export function seriesText(metric: LabelMap): string {
  const name = metric.__name__ ?? "";
  const inside = labelPairs(metric).map(([label, value]) => `${LEGACY_LABEL.test(label) ? label : JSON.stringify(label)}=${JSON.stringify(value)}`);
  if (name !== "" && !LEGACY_NAME.test(name)) return `{${[JSON.stringify(name), ...inside].join(", ")}}`;
  return inside.length > 0 || name === "" ? `${name}{${inside.join(", ")}}` : name;
}

/** A number for an axis or a legend: four significant digits, k M G T behind large ones. */
export function shortNumber(value: number): string {
  if (!Number.isFinite(value)) return Number.isNaN(value) ? "NaN" : value > 0 ? "+Inf" : "-Inf";
  const size = Math.abs(value);
  if (size === 0) return "0";
  if (size < 1e-3 || size >= 1e15) return value.toExponential(2);
  for (const [unit, suffix] of [[1e12, "T"], [1e9, "G"], [1e6, "M"], [1e3, "k"]] as const) {
    if (size >= unit) return `${Number((value / unit).toPrecision(4))}${suffix}`;
  }
  return `${Number(value.toPrecision(4))}`;
}
