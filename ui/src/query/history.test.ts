import { expect, test, vi } from "vitest";

vi.stubGlobal("matchMedia", () => ({ matches: false, addEventListener: () => {} }));
vi.stubGlobal("document", { documentElement: { dataset: {} } });
const { withQuery } = await import("./history");

test("queries are kept once, newest first, fifty at most", () => {
  expect(withQuery(["sum(a)", "sum(b)"], " sum(b) ")).toEqual(["sum(b)", "sum(a)"]);
  expect(withQuery([], "up")).toEqual([]);
  expect(withQuery(Array.from({ length: 50 }, (_, i) => `x + ${i}`), "y + 1")).toHaveLength(50);
});
