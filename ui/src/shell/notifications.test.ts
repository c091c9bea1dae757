import { expect, test, vi } from "vitest";

vi.stubGlobal("matchMedia", () => ({ matches: false, addEventListener: () => {} }));
vi.stubGlobal("document", { documentElement: { dataset: {} } });
const { merge } = await import("./notifications");

test("a notification ends when it is told to", () => {
  const failed = { text: "reload failed", date: "", active: true };
  const both = merge(merge([], failed), { ...failed, text: "other" });
  expect(merge(both, failed).map((n) => n.text)).toEqual(["other", "reload failed"]);
  expect(merge(both, { ...failed, active: false }).map((n) => n.text)).toEqual(["other"]);
});
