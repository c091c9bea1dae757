// From the API's status answers to what the pages show.

import type { NamedCount, TsdbStatus } from "../api";
import { formatDuration, formatTime } from "../shared/duration";
import { hasWords } from "../shared/words";

/** The largest 64-bit integer, as a number: stands for "no limit" and "nothing yet". */
const NONE = 9.2e18;

/** Bytes for people: `1.5 GiB`. */
export function formatBytes(bytes: number): string {
  const units = ["B", "KiB", "MiB", "GiB", "TiB", "PiB"];
  let unit = 0;
  let value = bytes;
  while (Math.abs(value) >= 1024 && unit < units.length - 1) {
    value /= 1024;
    unit++;
  }
  return `${unit === 0 ? value : Number(value.toFixed(1))} ${units[unit]}`;
}

/** A number with its thousands apart. */
export function formatCount(value: number): string {
  return value.toLocaleString("en-US").replaceAll(",", "\u202f");
}

/** The rows of the runtime table: what it is, and its value. */
export function runtimeRows(info: Record<string, unknown>, local: boolean): [string, string][] {
  const text = (key: string) => String(info[key] ?? "");
  const time = (key: string) => {
    const ms = Date.parse(text(key));
    return Number.isNaN(ms) || ms <= 0 ? text(key) : formatTime(ms, local);
  };
  const up = Date.parse(text("serverTime")) - Date.parse(text("startTime"));
  const limit = Number(info.GOMEMLIMIT);
  const rows: [string, string][] = [
    ["Started", time("startTime") + (up >= 1_000 ? ` (up ${formatDuration(Math.floor(up / 1_000) * 1_000)})` : "")],
    ["Server time", time("serverTime")],
    ["Host", text("hostname")],
    ["Working directory", text("CWD")],
    ["Configuration reload", info.reloadConfigSuccess === false ? "failed: the earlier configuration goes on" : "successful"],
    ["Last successful configuration", time("lastConfigTime")],
    ["Storage retention", text("storageRetention")],
    ["Corruptions of the write-ahead log", text("corruptionCount")],
    ["Threads", text("goroutineCount")],
    ["Processors used (GOMAXPROCS)", text("GOMAXPROCS")],
    ["Memory limit (GOMEMLIMIT)", limit > NONE ? "none" : formatBytes(limit)],
    ["GOGC", text("GOGC")],
    ["GODEBUG", text("GODEBUG")],
  ];
  return rows.filter(([, value]) => value !== "");
}

const BUILD_NAMES: Record<string, string> = { version: "Version", revision: "Revision", branch: "Branch", buildUser: "Built by", buildDate: "Built", goVersion: "Compiler" };

export function buildRows(info: Record<string, unknown>): [string, string][] {
  return Object.entries(info)
    .map(([key, value]): [string, string] => [BUILD_NAMES[key] ?? key, String(value)])
    .filter(([, value]) => value !== "");
}

/** Flags whose name or value has all words, by name or value. */
export function flagRows(flags: Record<string, unknown>, filter: string, by: "name" | "value", descending: boolean): [string, string][] {
  const rows = Object.entries(flags)
    .map(([name, value]): [string, string] => [`--${name}`, String(value)])
    .filter((row) => hasWords(row.join(" "), filter));
  const column = by === "name" ? 0 : 1;
  rows.sort((a, b) => a[column].localeCompare(b[column], "en", { numeric: true }) || a[0].localeCompare(b[0]));
  return descending ? rows.reverse() : rows;
}

export function headRows(head: TsdbStatus["headStats"], local: boolean): [string, string][] {
  const time = (ms: number) => (Math.abs(ms) > NONE ? "no samples yet" : formatTime(ms, local));
  return [
    ["Series", formatCount(head.numSeries)],
    ["Chunks", formatCount(head.chunkCount)],
    ["Label pairs", formatCount(head.numLabelPairs)],
    ["Oldest sample", time(head.minTime)],
    ["Newest sample", time(head.maxTime)],
  ];
}

export interface Bar {
  name: string;
  value: number;
  /** Its length, 0 to 1: of the whole if there is one, else of the longest. */
  share: number;
}

export function bars(list: NamedCount[], whole?: number): Bar[] {
  const longest = whole || Math.max(1, ...list.map((entry) => entry.value));
  return list.map(({ name, value }) => ({ name, value, share: Math.min(1, value / longest) }));
}

/** The selector of the series that an entry `label=value` counts. */
export function pairSelector(pair: string): string {
  const at = pair.indexOf("=");
  const label = pair.slice(0, at);
  return `{${/^[a-zA-Z_]\w*$/.test(label) ? label : JSON.stringify(label)}=${JSON.stringify(pair.slice(at + 1))}}`;
}
