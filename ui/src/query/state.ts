// What the query page shows, and the link that reproduces it. Parameter names
// are those of Prometheus' own page, so that links made for it open here.

import { formatDuration, formatUtc, parseDuration, parseUtc } from "../shared/duration";

export interface Panel {
  expr: string;
  tab: "graph" | "table";
  rangeMs: number;
  /** Right edge of the graph; null is now. */
  endMs: number | null;
  /** Time of the table; null is now. */
  momentMs: number | null;
  /** Distance of points in milliseconds; null chooses one for the range. */
  stepMs: number | null;
  stacked: boolean;
}

export const RANGES = ["1m", "5m", "15m", "30m", "1h", "2h", "6h", "12h", "1d", "2d", "1w", "2w", "4w", "8w", "16w", "26w", "1y"].map((text) => parseDuration(text)!);

export function emptyPanel(): Panel {
  return { expr: "", tab: "table", rangeMs: 3_600_000, endMs: null, momentMs: null, stepMs: null, stacked: false };
}

/** About 250 points, whole seconds, at least one second apart. */
export function stepFor(panel: Pick<Panel, "rangeMs" | "stepMs">): number {
  return panel.stepMs ?? Math.max(1_000, Math.floor(panel.rangeMs / 250_000) * 1_000);
}

/** The next range up or down from the current one. */
export function zoomedRange(rangeMs: number, direction: 1 | -1): number {
  const next = direction > 0 ? RANGES.find((r) => r > rangeMs) : RANGES.findLast((r) => r < rangeMs);
  return next ?? rangeMs;
}

export function parseLink(search: string): Panel[] {
  const params = new URLSearchParams(search);
  const panels: Panel[] = [];
  for (let i = 0; params.has(`g${i}.expr`); i++) {
    const get = (key: string) => params.get(`g${i}.${key}`);
    const panel = emptyPanel();
    panel.expr = get("expr")!;
    panel.tab = get("tab") === "graph" || get("tab") === "0" ? "graph" : "table";
    panel.rangeMs = parseDuration(get("range_input") ?? "") || panel.rangeMs;
    panel.endMs = parseUtc(get("end_input") ?? "");
    panel.momentMs = parseUtc(get("moment_input") ?? "");
    const step = Number(get("res_type") === "fixed" || get("res_type") === "custom" ? get("res_step") : get("step_input"));
    panel.stepMs = step > 0 ? step * 1_000 : null;
    panel.stacked = get("display_mode") === "stacked" || get("stacked") === "1";
    panels.push(panel);
  }
  return panels.length > 0 ? panels : [emptyPanel()];
}

export function formatLink(panels: Panel[]): string {
  const params = new URLSearchParams();
  panels.forEach((panel, i) => {
    const set = (key: string, value: string) => params.set(`g${i}.${key}`, value);
    set("expr", panel.expr);
    set("tab", panel.tab);
    set("range_input", formatDuration(panel.rangeMs));
    if (panel.endMs !== null) set("end_input", formatUtc(panel.endMs));
    if (panel.momentMs !== null) set("moment_input", formatUtc(panel.momentMs));
    if (panel.stepMs !== null) {
      set("res_type", "custom");
      set("res_step", String(panel.stepMs / 1_000));
    }
    set("display_mode", panel.stacked ? "stacked" : "lines");
  });
  return `?${params}`;
}
