// Native histograms over time: the darker a cell, the more observations.

import { useEffect, useMemo, useRef } from "preact/hooks";
import uPlot from "uplot";
import type { MatrixElement } from "../api";
import { formatTime } from "../shared/duration";
import { shortNumber } from "../shared/format";
import { isDark, useLocalTime } from "../shared/settings";
import { axisStyle, axisTime, HEIGHT_PX, line, placeTip } from "./drawing";
import { toHeatmap, type Cell } from "./heatmap-view";

interface Props {
  result: MatrixElement[];
  startMs: number;
  endMs: number;
  stepMs: number;
  onZoom: (fromMs: number, toMs: number) => void;
}

/** From pale to dark, or the other way on dark ground: one hue, so that everybody sees the order. */
function shade(share: number, dark: boolean): string {
  const t = Math.sqrt(share);
  return dark ? `hsl(${200 - 150 * t} 85% ${18 + 57 * t}%)` : `hsl(${205 + 25 * t} 80% ${92 - 66 * t}%)`;
}

export function HeatmapView(props: Props) {
  const { result, startMs, endMs, stepMs } = props;
  const box = useRef<HTMLDivElement>(null);
  const tip = useRef<HTMLDivElement>(null);
  const zoom = useRef(props.onZoom);
  zoom.current = props.onZoom;
  const map = useMemo(() => toHeatmap(result, startMs, stepMs), [result, startMs, stepMs]);
  const dark = isDark();
  const local = useLocalTime.value;

  useEffect(() => {
    const element = box.current!;
    const count = Math.floor((endMs - startMs) / stepMs) + 1;
    const times = Array.from({ length: count }, (_, i) => (startMs + i * stepMs) / 1000);
    // Rows are equally high: the axis counts bounds, and its labels name them.
    const rowOf = new Map(map.bounds.map((bound, i) => [bound, i]));
    const rows = Math.max(1, map.bounds.length - 1);
    const byPlace = new Map<string, Cell>();
    for (const cell of map.cells) for (let r = rowOf.get(cell.low)!; r < rowOf.get(cell.high)!; r++) byPlace.set(`${cell.step} ${r}`, cell);
    const axis = axisStyle(dark);
    const plot = new uPlot(
      {
        width: element.clientWidth,
        height: HEIGHT_PX,
        legend: { show: false },
        cursor: { drag: { x: true, y: false, setScale: false }, points: { show: false } },
        tzDate: local ? undefined : (seconds) => uPlot.tzDate(new Date(seconds * 1e3), "Etc/UTC"),
        scales: { x: { min: startMs / 1000, max: endMs / 1000 }, y: { range: [0, rows] } },
        axes: [
          { ...axis, space: 70, values: (_, ticks, _axis, _space, step) => ticks.map((t, i) => axisTime(t, ticks[i - 1], step, local)) },
          { ...axis, size: 64, incrs: [1, 2, 5, 10, 20, 50, 100, 200], values: (_, ticks) => ticks.map((row) => (map.bounds[row] === undefined ? "" : shortNumber(map.bounds[row]!))) },
        ],
        series: [{}, { show: true, paths: () => null, points: { show: false } }],
        hooks: {
          draw: [
            (u) => {
              u.ctx.save();
              for (const cell of map.cells) {
                // Whole pixels, so that no seams show between cells.
                const x = (step: number) => Math.round(u.valToPos((startMs + step * stepMs) / 1000, "x", true));
                const y = (bound: number) => Math.round(u.valToPos(rowOf.get(bound)!, "y", true));
                const left = Math.max(x(cell.step - 0.5), Math.round(u.bbox.left));
                const right = Math.min(x(cell.step + 0.5), Math.round(u.bbox.left + u.bbox.width));
                u.ctx.fillStyle = shade(cell.count / map.countMax, dark);
                u.ctx.fillRect(left, y(cell.high), right - left, y(cell.low) - y(cell.high));
              }
              u.ctx.restore();
            },
          ],
          setSelect: [(u) => u.select.width >= 4 && zoom.current(u.posToVal(u.select.left, "x") * 1000, u.posToVal(u.select.left + u.select.width, "x") * 1000)],
          setCursor: [
            (u) => {
              const { left, top, idx } = u.cursor;
              const cell = idx == null || left == null || top == null || left < 0 ? undefined : byPlace.get(`${idx} ${Math.floor(u.posToVal(top, "y"))}`);
              tip.current!.hidden = !cell;
              if (!cell) return;
              tip.current!.replaceChildren(line(formatTime(times[cell.step]! * 1000, local), "at"), line(shortNumber(cell.count), "value"), line(`${cell.low} … ${cell.high}`, ""));
              placeTip(u, tip.current!);
            },
          ],
        },
      },
      [times, times.map(() => null)] as uPlot.AlignedData,
      element,
    );
    const observer = new ResizeObserver(() => plot.setSize({ width: element.clientWidth, height: HEIGHT_PX }));
    observer.observe(element);
    return () => {
      observer.disconnect();
      plot.destroy();
    };
  }, [map, startMs, endMs, stepMs, dark, local]);

  return (
    <div class="graph">
      <div class="plot" ref={box}>
        <div class="tip" ref={tip} hidden />
      </div>
      <p class="hint">
        Observations in each bucket{result.length > 1 && `, ${result.length} series together`}: <span class="shade" style={{ background: `linear-gradient(to right, ${[0, 0.25, 0.5, 1].map((s) => shade(s * s, dark)).join(", ")})` }} /> up to {shortNumber(map.countMax)}
      </p>
    </div>
  );
}
