import { expect, test } from "vitest";
import { ago, formatDuration, formatField, formatUtc, parseField, parseDuration, parseUtc } from "./duration";

test("durations read and print as Prometheus'", () => {
  for (const [text, ms] of [["1h30m", 5_400_000], ["90d", 7_776_000_000], ["500ms", 500], ["2w", 1_209_600_000]] as const) {
    expect(parseDuration(text)).toBe(ms);
    expect(formatDuration(ms)).toBe(text);
  }
  expect(parseDuration("0")).toBe(0);
  for (const bad of ["", "5", "1m1h", "m", "-5m"]) expect(parseDuration(bad)).toBeNull();
});

test("link times round-trip in UTC", () => {
  expect(parseUtc(formatUtc(1_700_000_000_000))).toBe(1_700_000_000_000);
  expect(parseUtc("yesterday")).toBeNull();
});

test("ages are short", () => {
  expect(ago(1_000, 5_200)).toBe("4.2s ago");
  expect(ago(1_000, 200_000)).toBe("3m ago");
  expect(ago(0, 1)).toBe("never");
});

test("fields read the zone that they show", () => {
  for (const local of [false, true]) expect(parseField(formatField(1_700_000_000_000, local), local)).toBe(1_700_000_000_000);
  expect(parseField("soon", true)).toBeNull();
});
