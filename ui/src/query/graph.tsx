// The graph of a range query, drawn by uPlot, with a legend that filters.

import { useSignal } from "@preact/signals";
import { useEffect, useMemo, useRef } from "preact/hooks";
import uPlot from "uplot";
import type { ExemplarSeries, MatrixElement } from "../api";
import { formatTime } from "../shared/duration";
import { seriesText, shortNumber } from "../shared/format";
import { isDark, useLocalTime } from "../shared/settings";
import { axisStyle, axisTime, HEIGHT_PX, line, placeTip } from "./drawing";
import { stack, toExemplars, toGraph, type ExemplarPoint } from "./series";
import { SeriesName } from "./table";

/** Hues that stay apart for the colour-blind (after Okabe and Ito, and Tol), for light and dark ground. */
const COLOURS = {
  light: ["#0072b2", "#d55e00", "#009e73", "#aa4499", "#b8860b", "#332288", "#882255", "#117733", "#44aa99", "#7f7f7f"],
  dark: ["#56b4e9", "#ff9d5c", "#4fd1a5", "#e28bd6", "#f0e442", "#a79bff", "#ff8fb3", "#8fd18f", "#7fe0d0", "#bbbbbb"],
};

const colour = (index: number, dark: boolean) => {
  const list = dark ? COLOURS.dark : COLOURS.light;
  return list[index % list.length]!;
};

/** Legend entries drawn at once. */
const LEGEND_AT_ONCE = 100;
/** How near the pointer must be to an exemplar to show it. */
const EXEMPLAR_REACH_PX = 8;

interface Props {
  result: MatrixElement[];
  startMs: number;
  endMs: number;
  stepMs: number;
  stacked: boolean;
  fromZero: boolean;
  exemplars: ExemplarSeries[];
  onZoom: (fromMs: number, toMs: number) => void;
}

export function GraphView(props: Props) {
  const { result, startMs, endMs, stepMs, stacked, fromZero, exemplars } = props;
  const box = useRef<HTMLDivElement>(null);
  const tip = useRef<HTMLDivElement>(null);
  const plot = useRef<uPlot | null>(null);
  const zoom = useRef(props.onZoom);
  zoom.current = props.onZoom;
  const hidden = useSignal<ReadonlySet<number>>(new Set());
  const legendShown = useSignal(LEGEND_AT_ONCE);
  const graph = useMemo(() => toGraph(result, startMs, endMs, stepMs), [result, startMs, endMs, stepMs]);
  const dark = isDark();
  const local = useLocalTime.value;

  useEffect(() => {
    hidden.value = new Set();
  }, [graph]);

  useEffect(() => {
    const element = box.current!;
    const shown = graph.rows.map((_, i) => !hidden.value.has(i));
    const rows = stacked ? stack(graph.rows, shown) : graph.rows;
    const axis = axisStyle(dark);
    const points = toExemplars(exemplars, startMs, endMs);
    const options: uPlot.Options = {
      width: element.clientWidth,
      height: HEIGHT_PX,
      legend: { show: false },
      tzDate: local ? undefined : (seconds) => uPlot.tzDate(new Date(seconds * 1e3), "Etc/UTC"),
      cursor: { drag: { x: true, y: false, setScale: false }, focus: { prox: 24 }, points: { size: 7 } },
      focus: { alpha: stacked ? 1 : 0.35 },
      scales: {
        x: { min: startMs / 1000, max: endMs / 1000 },
        y: fromZero ? { range: (_, low, high) => uPlot.rangeNum(Math.min(0, low ?? 0), Math.max(0, high ?? 1), { min: { pad: 0, soft: 0, mode: 1 }, max: { pad: 0.1, soft: 0, mode: 1 } }) } : {},
      },
      axes: [{ ...axis, space: 70, values: (_, ticks, _axis, _space, step) => ticks.map((t, i) => axisTime(t, ticks[i - 1], step, local)) }, { ...axis, size: 64, values: (_, ticks) => ticks.map(shortNumber) }],
      series: [
        {},
        ...graph.metrics.map((metric, i) => ({
          label: seriesText(metric),
          stroke: colour(i, dark),
          fill: stacked ? `${colour(i, dark)}66` : undefined,
          width: 1.5,
          show: shown[i],
          points: { show: graph.rows[i]!.filter((v) => v !== null).length < 3 },
        })),
      ],
      bands: stacked ? toBands(shown) : [],
      hooks: {
        setSelect: [
          (u) => {
            if (u.select.width < 4) return;
            zoom.current(u.posToVal(u.select.left, "x") * 1000, u.posToVal(u.select.left + u.select.width, "x") * 1000);
          },
        ],
        setCursor: [(u) => showExemplar(u, tip.current!, points, local) || showTip(u, tip.current!, graph.rows, local, dark)],
        draw: [(u) => drawExemplars(u, points, dark)],
      },
    };
    plot.current = new uPlot(options, [graph.times, ...rows] as uPlot.AlignedData, element);
    const observer = new ResizeObserver(() => plot.current?.setSize({ width: element.clientWidth, height: HEIGHT_PX }));
    observer.observe(element);
    return () => {
      observer.disconnect();
      plot.current?.destroy();
      plot.current = null;
    };
  }, [graph, exemplars, stacked, fromZero, dark, local, hidden.value]);

  const toggle = (index: number, add: boolean) => {
    const all = graph.metrics.map((_, i) => i);
    const others = all.filter((i) => i !== index);
    if (add) {
      const next = new Set(hidden.value);
      if (!next.delete(index)) next.add(index);
      hidden.value = next;
    } else {
      const alone = others.length > 0 && others.every((i) => hidden.value.has(i)) && !hidden.value.has(index);
      hidden.value = new Set(alone ? [] : others);
    }
  };

  return (
    <div class="graph">
      <div class="plot" ref={box}>
        <div class="tip" ref={tip} hidden />
      </div>
      <ul class="legend">
        {graph.metrics.slice(0, legendShown.value).map((metric, i) => (
          <li>
            <button class="quiet" aria-pressed={!hidden.value.has(i)} title="Click: this series alone. Ctrl-click: show or hide it." onClick={(e) => toggle(i, e.ctrlKey || e.metaKey)}>
              <i style={{ background: colour(i, dark) }} />
              <SeriesName metric={metric} />
            </button>
          </li>
        ))}
        {graph.metrics.length > legendShown.value && (
          <li>
            <button onClick={() => (legendShown.value += LEGEND_AT_ONCE)}>Show more ({graph.metrics.length - legendShown.value} left)</button>
          </li>
        )}
      </ul>
    </div>
  );
}

/** Limits the fill of each shown row to the room above the shown row below it. */
function toBands(shown: boolean[]): uPlot.Band[] {
  const places = shown.flatMap((is, i) => (is ? [i + 1] : []));
  return places.slice(1).map((place, i) => ({ series: [place, places[i]!] }));
}

/** Where an exemplar is drawn; those above the axis lie at its edge. */
function placeOf(u: uPlot, point: ExemplarPoint, canvas: boolean): [number, number] {
  const { min, max } = u.scales.y!;
  return [u.valToPos(point.seconds, "x", canvas), u.valToPos(Math.min(max ?? 1, Math.max(min ?? 0, point.value)), "y", canvas)];
}

function drawExemplars(u: uPlot, points: ExemplarPoint[], dark: boolean) {
  const { ctx } = u;
  const size = 5 * devicePixelRatio;
  ctx.save();
  ctx.fillStyle = dark ? "#e4e8ef" : "#1b2230";
  ctx.strokeStyle = dark ? "#181e2a" : "#ffffff";
  for (const point of points) {
    const [x, y] = placeOf(u, point, true);
    ctx.beginPath();
    ctx.moveTo(x, y - size);
    ctx.lineTo(x + size, y);
    ctx.lineTo(x, y + size);
    ctx.lineTo(x - size, y);
    ctx.closePath();
    ctx.fill();
    ctx.stroke();
  }
  ctx.restore();
}

/** Shows the exemplar under the pointer; tells whether there is one. */
function showExemplar(u: uPlot, tip: HTMLDivElement, points: ExemplarPoint[], local: boolean): boolean {
  const { left = -1, top = -1 } = u.cursor;
  if (left < 0) return false;
  const near = points.find((point) => {
    const [x, y] = placeOf(u, point, false);
    return Math.hypot(x - left, y - top) <= EXEMPLAR_REACH_PX;
  });
  if (!near) return false;
  tip.hidden = false;
  tip.style.borderColor = "var(--faint)";
  tip.replaceChildren(
    line(`Exemplar · ${formatTime(near.seconds * 1000, local)}`, "at"),
    line(String(near.value), "value"),
    ...Object.entries(near.labels).map(([name, value]) => line(`${name}: ${value}`, "")),
    line(seriesText(near.series), "at"),
  );
  placeTip(u, tip);
  return true;
}

/** Shows time, value and name of the series nearest to the pointer. */
function showTip(u: uPlot, tip: HTMLDivElement, rows: (number | null)[][], local: boolean, dark: boolean) {
  const { left, top, idx } = u.cursor;
  if (idx == null || left == null || top == null || left < 0) {
    tip.hidden = true;
    return;
  }
  let best = -1;
  let bestDistance = Infinity;
  for (let s = 1; s < u.series.length; s++) {
    const value = u.data[s]![idx];
    if (value == null || !u.series[s]!.show) continue;
    const distance = Math.abs(u.valToPos(value, "y") - top);
    if (distance < bestDistance) {
      bestDistance = distance;
      best = s;
    }
  }
  tip.hidden = best < 0;
  if (best < 0) return;
  tip.replaceChildren(
    line(formatTime(u.data[0][idx]! * 1000, local), "at"),
    line(String(rows[best - 1]![idx]), "value"),
    line(String(u.series[best]!.label), ""),
  );
  tip.style.borderColor = colour(best - 1, dark);
  placeTip(u, tip);
}
