import { expect, test, vi } from "vitest";

vi.stubGlobal("matchMedia", () => ({ matches: false, addEventListener: () => {} }));
vi.stubGlobal("document", { documentElement: { dataset: {} } });
const { progress } = await import("./startup");

test("replay goes from the first segment to the last", () => {
  expect(progress(null)).toBeNull();
  expect(progress({ min: 0, max: 0, current: 0 })).toBeNull();
  expect(progress({ min: 4, max: 7, current: 5 })).toBe(0.5);
  expect(progress({ min: 4, max: 7, current: 9 })).toBe(1);
});
