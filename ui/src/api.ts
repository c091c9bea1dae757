// The one module that knows the HTTP API.

import type { LabelMap } from "./shared/format";

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

export type QueryData =
  | { resultType: "vector"; result: VectorElement[] }
  | { resultType: "matrix"; result: MatrixElement[] }
  | { resultType: "scalar"; result: Point }
  | { resultType: "string"; result: Point };

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
export interface TargetsData {
  activeTargets: ActiveTarget[];
  droppedTargetCounts: Record<string, number> | null;
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

/** The address of the server's root, whatever page of it is open: ends in `/`. */
export function rootPath(pathname: string): string {
  return pathname.replace(/(?:(?:query|graph|targets)\/?)?$/, "");
}

const root = typeof location === "undefined" ? "/" : rootPath(location.pathname);

async function call<T>(path: string, params: Record<string, string>, post: boolean, signal?: AbortSignal): Promise<Answer<T>> {
  const form = new URLSearchParams(params);
  const url = `${root}api/v1/${path}${!post && form.size > 0 ? `?${form}` : ""}`;
  let response: Response;
  try {
    response = await fetch(url, { method: post ? "POST" : "GET", body: post ? form : undefined, signal });
  } catch (error) {
    if (signal?.aborted) throw error;
    throw new ApiError("network", `The server at ${location.host} does not answer: ${(error as Error).message}`);
  }
  let body: { status: string; data: T; error?: string; errorType?: string; warnings?: string[]; infos?: string[] };
  try {
    body = await response.json();
  } catch {
    throw new ApiError("network", `Unexpected answer from ${url}: ${response.status} ${response.statusText}`);
  }
  if (body.status !== "success") throw new ApiError(body.errorType ?? "unknown", body.error ?? "unknown error");
  return { data: body.data, warnings: body.warnings ?? [], infos: body.infos ?? [] };
}

/** Evaluates `query` at one time; `timeMs` null is now. */
export function queryInstant(query: string, timeMs: number | null, signal?: AbortSignal): Promise<Answer<QueryData>> {
  return call("query", timeMs === null ? { query } : { query, time: String(timeMs / 1000) }, true, signal);
}

/** Evaluates `query` from `startMs` to `endMs` every `stepMs`. */
export function queryRange(query: string, startMs: number, endMs: number, stepMs: number, signal?: AbortSignal): Promise<Answer<QueryData>> {
  const params = { query, start: String(startMs / 1000), end: String(endMs / 1000), step: String(stepMs / 1000) };
  return call("query_range", params, true, signal);
}

export function formatQuery(query: string): Promise<Answer<string>> {
  return call("format_query", { query }, true);
}

export function targets(signal?: AbortSignal): Promise<Answer<TargetsData>> {
  return call("targets", { state: "active" }, false, signal);
}

/** The address of a page of this server. */
export function pageUrl(page: string): string {
  return root + page;
}

/** The server's root as other libraries want it: no slash at the end. */
export const apiBase = root.replace(/\/$/, "");
