// What the query page shows, and the link that reproduces it. Parameter names
// are those of Prometheus' own page, so that links made for it open here.

import { formatDuration, formatUtc, parseDuration, parseUtc } from "../shared/duration";

export const DENSITIES = ["low", "medium", "high"] as const;
export type Density = (typeof DENSITIES)[number];

/** How far apart the points of a graph are: so many for the range, or a fixed distance. */
export type Resolution = { type: "auto"; density: Density } | { type: "fixed" | "custom"; stepMs: number };

export interface Panel {
  expr: string;
  tab: "graph" | "table" | "explain";
  showTree: boolean;
  rangeMs: number;
  /** Right edge of the graph; null is now. */
  endMs: number | null;
  /** Time of the table; null is now. */
  momentMs: number | null;
  resolution: Resolution;
  display: "lines" | "stacked" | "heatmap";
  /** Whether the vertical axis starts at zero rather than at the smallest value. */
  fromZero: boolean;
  showExemplars: boolean;
}

export const RANGES = ["1s", "10s", "1m", "5m", "15m", "30m", "1h", "2h", "6h", "12h", "1d", "2d", "1w", "2w", "4w", "8w", "16w", "26w", "1y", "2y"].map((text) => parseDuration(text)!);

/** Steps that are offered by name. */
export const FIXED_STEPS = ["10s", "30s", "1m", "5m", "15m", "1h"].map((text) => parseDuration(text)!);

const POINTS: Record<Density, number> = { low: 100, medium: 250, high: 750 };

export function emptyPanel(): Panel {
  return {
    expr: "",
    tab: "table",
    showTree: false,
    rangeMs: 3_600_000,
    endMs: null,
    momentMs: null,
    resolution: { type: "auto", density: "medium" },
    display: "lines",
    fromZero: false,
    showExemplars: false,
  };
}

/** The distance of points: automatic ones are whole seconds, at least one. */
export function stepFor({ rangeMs, resolution }: Pick<Panel, "rangeMs" | "resolution">): number {
  if (resolution.type !== "auto") return resolution.stepMs;
  return Math.max(1_000, Math.floor(rangeMs / (POINTS[resolution.density] * 1_000)) * 1_000);
}

/** The next range up or down from the current one. */
export function zoomedRange(rangeMs: number, direction: 1 | -1): number {
  const next = direction > 0 ? RANGES.find((r) => r > rangeMs) : RANGES.findLast((r) => r < rangeMs);
  return next ?? rangeMs;
}

/** A step as the choice that offers it: one of the named ones, or custom. */
export function resolutionFor(stepMs: number): Resolution {
  return { type: FIXED_STEPS.includes(stepMs) ? "fixed" : "custom", stepMs };
}

function parseResolution(get: (key: string) => string | null): Resolution {
  const type = get("res_type");
  const step = Number(type === "fixed" || type === "custom" ? get("res_step") : type === "auto" ? 0 : get("step_input"));
  if (step > 0) return { type: type === "fixed" ? "fixed" : "custom", stepMs: Math.max(1, Math.round(step * 1_000)) };
  return { type: "auto", density: DENSITIES.find((density) => density === get("res_density")) ?? "medium" };
}

export function parseLink(search: string): Panel[] {
  const params = new URLSearchParams(search);
  const panels: Panel[] = [];
  for (let i = 0; params.has(`g${i}.expr`); i++) {
    const get = (key: string) => params.get(`g${i}.${key}`);
    const tab = get("tab");
    const display = get("display_mode");
    panels.push({
      expr: get("expr")!,
      tab: tab === "graph" || tab === "0" ? "graph" : tab === "explain" ? "explain" : "table",
      showTree: get("show_tree") === "1",
      rangeMs: parseDuration(get("range_input") ?? "") || emptyPanel().rangeMs,
      endMs: parseUtc(get("end_input") ?? ""),
      momentMs: parseUtc(get("moment_input") ?? ""),
      resolution: parseResolution(get),
      display: display === "heatmap" ? "heatmap" : display === "stacked" || (!display && get("stacked") === "1") ? "stacked" : "lines",
      fromZero: get("y_axis_min") === "0",
      showExemplars: get("show_exemplars") === "1",
    });
  }
  return panels.length > 0 ? panels : [emptyPanel()];
}

export function formatLink(panels: Panel[]): string {
  const params = new URLSearchParams();
  panels.forEach((panel, i) => {
    const set = (key: string, value: string) => params.set(`g${i}.${key}`, value);
    set("expr", panel.expr);
    set("show_tree", panel.showTree ? "1" : "0");
    set("tab", panel.tab);
    set("range_input", formatDuration(panel.rangeMs));
    if (panel.endMs !== null) set("end_input", formatUtc(panel.endMs));
    if (panel.momentMs !== null) set("moment_input", formatUtc(panel.momentMs));
    const { resolution } = panel;
    set("res_type", resolution.type);
    if (resolution.type === "auto") set("res_density", resolution.density);
    else set("res_step", String(resolution.stepMs / 1_000));
    set("display_mode", panel.display);
    if (panel.fromZero) set("y_axis_min", "0");
    set("show_exemplars", panel.showExemplars ? "1" : "0");
  });
  return `?${params}`;
}
