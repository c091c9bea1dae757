// What the graph and the heat map draw alike.

import type uPlot from "uplot";
import { formatTime } from "../shared/duration";

export const HEIGHT_PX = 340;

/** Room that the box at the pointer needs on its right; with less it goes to the left. */
const TIP_ROOM_PX = 280;

export function axisStyle(dark: boolean): uPlot.Axis {
  const rule = { stroke: dark ? "#2b3242" : "#e6e8ee", width: 1 };
  return { stroke: dark ? "#c3c9d4" : "#4a5160", grid: rule, ticks: rule, font: "12px system-ui, sans-serif" };
}

/** A tick's text: seconds only when ticks are that close; the date where it changes. */
export function axisTime(seconds: number, before: number | undefined, stepSeconds: number, local: boolean): string {
  const [date, time] = formatTime(seconds * 1000, local).split(" ") as [string, string];
  const day = before === undefined ? "" : formatTime(before * 1000, local).split(" ")[0];
  const clock = stepSeconds >= 86_400 ? "" : stepSeconds >= 60 ? time.slice(0, 5) : time;
  return date === day ? clock : `${clock}\n${date}`.trim();
}

export function line(text: string, className: string): HTMLDivElement {
  const div = document.createElement("div");
  div.textContent = text;
  div.className = className;
  return div;
}

/** Puts the box beside the pointer, inside the plot. */
export function placeTip(u: uPlot, tip: HTMLElement) {
  const { left = 0, top = 0 } = u.cursor;
  const near = u.over.clientWidth - left < TIP_ROOM_PX;
  tip.style.left = `${u.over.offsetLeft + left + (near ? -12 : 12)}px`;
  tip.style.top = `${u.over.offsetTop + Math.min(top + 12, u.over.clientHeight - 60)}px`;
  tip.style.transform = near ? "translateX(-100%)" : "none";
}
