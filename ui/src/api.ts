// The one module that knows the HTTP API.

import { signal } from "@preact/signals";
import type { AstNode } from "./query/ast";
import type { LabelMap } from "./shared/format";
import { rootPath } from "./shared/pages";

/** A time in seconds and a value as text. */
export type Point = [number, string];
/** A native histogram as the API sends it. */
export interface HistogramValue {
  count: string;
  sum: string;
  buckets?: [number, string, string, string][];
}

export interface VectorElement {
  metric: LabelMap;
  value?: Point;
  histogram?: [number, HistogramValue];
}
export interface MatrixElement {
  metric: LabelMap;
  values?: Point[];
  histograms?: [number, HistogramValue][];
}

/** What a query cost; durations in seconds. */
export interface QueryStats {
  timings: Record<string, number>;
  samples: Record<string, unknown>;
}
export type QueryData = (
  | { resultType: "vector"; result: VectorElement[] }
  | { resultType: "matrix"; result: MatrixElement[] }
  | { resultType: "scalar"; result: Point }
  | { resultType: "string"; result: Point }
) & { stats?: QueryStats };

export interface ExemplarSeries {
  seriesLabels: LabelMap;
  exemplars: { labels: LabelMap; value: string; timestamp: number }[];
}

export interface Metadata {
  type: string;
  help: string;
  unit: string;
}

export interface ActiveTarget {
  discoveredLabels: LabelMap;
  labels: LabelMap;
  scrapePool: string;
  scrapeUrl: string;
  globalUrl: string;
  lastError: string;
  lastScrape: string;
  lastScrapeDuration: number;
  health: "up" | "down" | "unknown";
  scrapeInterval: string;
  scrapeTimeout: string;
}
export interface DroppedTarget {
  discoveredLabels: LabelMap;
  scrapePool: string;
}
export interface TargetsData {
  activeTargets: ActiveTarget[];
  droppedTargets: DroppedTarget[];
  /** How many were dropped in each pool, kept or not; null when not asked for. */
  droppedTargetCounts: Record<string, number> | null;
}

export interface RelabelStep {
  rule: Record<string, unknown>;
  output: LabelMap;
  keep: boolean;
}

export interface NamedCount {
  name: string;
  value: number;
}
export interface TsdbStatus {
  headStats: { numSeries: number; numLabelPairs: number; chunkCount: number; minTime: number; maxTime: number };
  seriesCountByMetricName: NamedCount[];
  labelValueCountByLabelName: NamedCount[];
  memoryInBytesByLabelName: NamedCount[];
  seriesCountByLabelValuePair: NamedCount[];
}

export interface Alert {
  labels: LabelMap;
  annotations: LabelMap;
  state: "pending" | "firing";
  activeAt: string;
  value: string;
}
export interface Rule {
  type: "alerting" | "recording";
  name: string;
  query: string;
  labels?: LabelMap;
  annotations?: LabelMap;
  duration?: number;
  keepFiringFor?: number;
  state?: "firing" | "pending" | "inactive" | "unknown";
  alerts?: Alert[] | null;
  health: "ok" | "err" | "unknown";
  lastError?: string;
  evaluationTime: number;
  lastEvaluation: string;
}
export interface RuleGroup {
  name: string;
  file: string;
  rules: Rule[];
  interval: number;
  evaluationTime: number;
  lastEvaluation: string;
}

/** What the server can do: category, then name. */
export type Features = Record<string, Record<string, boolean>>;

export interface Notification {
  text: string;
  date: string;
  active: boolean;
}

export interface Answer<T> {
  data: T;
  warnings: string[];
  infos: string[];
}

/** What the server refused and why. */
export class ApiError extends Error {
  constructor(
    readonly type: string,
    message: string,
  ) {
    super(message);
  }
}

const root = typeof location === "undefined" ? "/" : rootPath(location.pathname);

/** Why the server answers nothing at present, as its last answer said. */
export const unready = signal<"starting" | "stopping" | null>(null);

function note(response: Response) {
  if (response.status !== 503) return false;
  const stopping = response.headers.get("X-Prometheus-Stopping");
  if (stopping === null && !response.headers.get("Content-Type")?.startsWith("text/plain")) return false;
  unready.value = stopping === "true" ? "stopping" : "starting";
  return true;
}

async function call<T>(path: string, params: Record<string, string> | [string, string][], options: { method?: "GET" | "POST"; signal?: AbortSignal } = {}): Promise<Answer<T>> {
  const { method = "GET", signal } = options;
  const form = new URLSearchParams(params);
  const url = `${root}api/v1/${path}${method === "GET" && form.size > 0 ? `?${form}` : ""}`;
  let response: Response;
  try {
    response = await fetch(url, { method, body: method === "POST" ? form : undefined, signal });
  } catch (error) {
    if (signal?.aborted) throw error;
    throw new ApiError("network", `The server at ${location.host} does not answer: ${(error as Error).message}`);
  }
  if (note(response)) throw new ApiError("unready", "The server is not ready.");
  if (response.status === 404) throw new ApiError("missing", `This server has no ${url}.`);
  if (response.status === 204) return { data: undefined as T, warnings: [], infos: [] };
  let body: { status: string; data: T; error?: string; errorType?: string; warnings?: string[]; infos?: string[] };
  try {
    body = await response.json();
  } catch (error) {
    if (signal?.aborted) throw error;
    throw new ApiError("network", `Unexpected answer from ${url}: ${response.status} ${response.statusText}`);
  }
  if (body.status !== "success") throw new ApiError(body.errorType ?? "unknown", body.error ?? "unknown error");
  return { data: body.data, warnings: body.warnings ?? [], infos: body.infos ?? [] };
}

/** Asks whether the server is ready; {@link unready} then says so. */
export async function checkReady(): Promise<boolean> {
  const response = await fetch(`${root}-/ready`, { cache: "no-store" });
  if (response.ok) unready.value = null;
  else note(response);
  return response.ok;
}

/** Segments of the log: which is being replayed, between which. */
export function walReplay(): Promise<Answer<{ min: number; max: number; current: number }>> {
  return call("status/walreplay", {});
}

/** Evaluates `query` at one time; `timeMs` null is now. */
export function queryInstant(query: string, timeMs: number | null, signal?: AbortSignal): Promise<Answer<QueryData>> {
  const params: Record<string, string> = { query, stats: "true" };
  if (timeMs !== null) params.time = String(timeMs / 1000);
  return call("query", params, { method: "POST", signal });
}

/** Evaluates `query` from `startMs` to `endMs` every `stepMs`. */
export function queryRange(query: string, startMs: number, endMs: number, stepMs: number, signal?: AbortSignal): Promise<Answer<QueryData>> {
  const params = { query, start: String(startMs / 1000), end: String(endMs / 1000), step: String(stepMs / 1000), stats: "true" };
  return call("query_range", params, { method: "POST", signal });
}

/** The exemplars of all selectors in `query`. */
export function queryExemplars(query: string, startMs: number, endMs: number, signal?: AbortSignal): Promise<Answer<ExemplarSeries[]>> {
  return call("query_exemplars", { query, start: String(startMs / 1000), end: String(endMs / 1000) }, { method: "POST", signal });
}

export function formatQuery(query: string): Promise<Answer<string>> {
  return call("format_query", { query }, { method: "POST" });
}

export function parseQuery(query: string, signal?: AbortSignal): Promise<Answer<AstNode>> {
  return call("parse_query", { query }, { method: "POST", signal });
}

/** Type and help of every metric that scrapes described. */
export function metadata(signal?: AbortSignal): Promise<Answer<Record<string, Metadata[]>>> {
  return call("metadata", {}, { signal });
}

export function labelValues(label: string, signal?: AbortSignal): Promise<Answer<string[]>> {
  return call(`label/${encodeURIComponent(label)}/values`, {}, { signal });
}

/** At most `limit` series that match `selector` in the last hour. */
export function series(selector: string, limit: number, signal?: AbortSignal): Promise<Answer<LabelMap[]>> {
  return call("series", { "match[]": selector, start: String(Date.now() / 1000 - 3600), limit: String(limit) }, { method: "POST", signal });
}

export function targets(state: "active" | "any", pool?: string, signal?: AbortSignal): Promise<Answer<TargetsData>> {
  return call("targets", pool === undefined ? { state } : { state, scrapePool: pool }, { signal });
}

export function scrapePools(signal?: AbortSignal): Promise<Answer<{ scrapePools: string[] }>> {
  return call("scrape_pools", {}, { signal });
}

export function poolConfig(pool: string, signal?: AbortSignal): Promise<Answer<{ yaml: string }>> {
  return call("scrape_pools/config", { scrapePool: pool }, { signal });
}

/** What each relabelling rule of `pool` makes of a target's labels. */
export function relabelSteps(pool: string, labels: LabelMap, signal?: AbortSignal): Promise<Answer<{ steps: RelabelStep[] }>> {
  return call("targets/relabel_steps", { scrapePool: pool, labels: JSON.stringify(labels) }, { signal });
}

export function rules(signal?: AbortSignal): Promise<Answer<{ groups: RuleGroup[] }>> {
  return call("rules", {}, { signal });
}

export function alertmanagers(signal?: AbortSignal): Promise<Answer<{ activeAlertmanagers: { url: string }[]; droppedAlertmanagers: { url: string }[] }>> {
  return call("alertmanagers", {}, { signal });
}

/** Names and values of a status page that is a flat table. */
export function status(page: "runtimeinfo" | "buildinfo" | "flags", signal?: AbortSignal): Promise<Answer<Record<string, unknown>>> {
  return call(`status/${page}`, {}, { signal });
}

export function config(signal?: AbortSignal): Promise<Answer<{ yaml: string }>> {
  return call("status/config", {}, { signal });
}

export function tsdbStatus(limit: number, signal?: AbortSignal): Promise<Answer<TsdbStatus>> {
  return call("status/tsdb", { limit: String(limit) }, { signal });
}

export function features(): Promise<Answer<Features>> {
  return call("features", {});
}

export function notifications(): Promise<Answer<Notification[]>> {
  return call("notifications", {});
}

/** Where notifications are sent as they happen. */
export const notificationsUrl = `${root}api/v1/notifications/live`;

/** Deletes samples; a bound of null is open. Needs the admin API. */
export function deleteSeries(selectors: string[], startMs: number | null, endMs: number | null): Promise<Answer<undefined>> {
  const params = selectors.map((text): [string, string] => ["match[]", text]);
  if (startMs !== null) params.push(["start", String(startMs / 1000)]);
  if (endMs !== null) params.push(["end", String(endMs / 1000)]);
  return call("admin/tsdb/delete_series", params, { method: "POST" });
}

/** Frees the room of what was deleted. Needs the admin API. */
export function cleanTombstones(): Promise<Answer<undefined>> {
  return call("admin/tsdb/clean_tombstones", {}, { method: "POST" });
}

/** The address of a page of this server. */
export function pageUrl(page: string): string {
  return root + page;
}

/** The server's root as other libraries want it: no slash at the end. */
export const apiBase = root.replace(/\/$/, "");
