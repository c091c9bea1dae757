// Prometheus durations (`1h30m`) and the times that the page shows.

const UNIT_MS: Record<string, number> = {
  ms: 1,
  s: 1_000,
  m: 60_000,
  h: 3_600_000,
  d: 86_400_000,
  w: 7 * 86_400_000,
  y: 365 * 86_400_000,
};

/** The length of `text` in milliseconds, or `null` when it is not a duration. */
export function parseDuration(text: string): number | null {
  if (text.trim() === "0") return 0;
  const match = /^(?:(\d+)y)?(?:(\d+)w)?(?:(\d+)d)?(?:(\d+)h)?(?:(\d+)m)?(?:(\d+)s)?(?:(\d+)ms)?$/.exec(text.trim());
  if (!match || match[0] === "") return null;
  return ["y", "w", "d", "h", "m", "s", "ms"].reduce((sum, unit, i) => sum + Number(match[i + 1] ?? 0) * UNIT_MS[unit]!, 0);
}

/** Milliseconds as the shortest duration: weeks and years only when exact. */
export function formatDuration(ms: number): string {
  if (ms === 0) return "0s";
  let rest = ms;
  let out = "";
  for (const unit of ["y", "w", "d", "h", "m", "s", "ms"]) {
    const size = UNIT_MS[unit]!;
    if ((unit === "y" || unit === "w") && rest % size !== 0) continue;
    const count = Math.floor(rest / size);
    if (count > 0) out += `${count}${unit}`;
    rest -= count * size;
  }
  return out;
}

/** `YYYY-MM-DD HH:mm:ss` in UTC, the form that links carry. */
export function formatUtc(ms: number): string {
  return new Date(ms).toISOString().slice(0, 19).replace("T", " ");
}

/** The inverse of {@link formatUtc}; `null` when the text is not such a time. */
export function parseUtc(text: string): number | null {
  if (!/^\d{4}-\d\d-\d\d \d\d:\d\d(:\d\d)?$/.test(text)) return null;
  const ms = Date.parse(`${text.replace(" ", "T")}Z`);
  return Number.isNaN(ms) ? null : ms;
}

/** A time as its field shows it: {@link formatUtc}, or the same in the local zone. */
export function formatField(ms: number, local: boolean): string {
  return local ? formatTime(ms, true) : formatUtc(ms);
}

/** The inverse of {@link formatField}; `null` when the text is not such a time. */
export function parseField(text: string, local: boolean): number | null {
  const utc = parseUtc(text);
  if (!local || utc === null) return utc;
  const ms = Date.parse(text.replace(" ", "T"));
  return Number.isNaN(ms) ? null : ms;
}

/** A time as the reader's clock shows it, in UTC or the local zone. */
export function formatTime(ms: number, local: boolean): string {
  if (!local) return `${formatUtc(ms)} UTC`;
  const two = (n: number) => String(n).padStart(2, "0");
  const t = new Date(ms);
  return `${t.getFullYear()}-${two(t.getMonth() + 1)}-${two(t.getDate())} ${two(t.getHours())}:${two(t.getMinutes())}:${two(t.getSeconds())}`;
}

/** How long ago something was, roughly: `4.2s ago`, `3m ago`, `never`. */
export function ago(thenMs: number, nowMs: number): string {
  if (thenMs <= 0) return "never";
  const ms = Math.max(0, nowMs - thenMs);
  if (ms < 60_000) return `${(ms / 1_000).toFixed(1)}s ago`;
  return `${formatDuration(Math.floor(ms / 60_000) * 60_000)} ago`;
}
