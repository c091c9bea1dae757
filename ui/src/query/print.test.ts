import { expect, test } from "vitest";
import { children, type AstNode } from "./ast";
import { explain, printHead, printNode } from "./print";

const up: AstNode = { type: "vectorSelector", name: "up", matchers: [{ name: "job", type: "=~", value: "a.*" }, { name: "__name__", type: "=", value: "up" }], offset: 0, timestamp: null, startOrEnd: null };
const range: AstNode = { ...up, type: "matrixSelector", range: 300_000, offset: -60_000 };
const rate: AstNode = { type: "call", func: { name: "rate", argTypes: ["matrix"], returnType: "vector", variadic: 0 }, args: [range] };
const sum: AstNode = { type: "aggregation", op: "sum", expr: rate, param: null, grouping: ["job", "a.b"], without: false };
const ratio: AstNode = {
  type: "binaryExpr",
  op: "/",
  lhs: sum,
  rhs: { type: "subquery", expr: up, range: 600_000, step: 0, offset: 0, timestamp: 1_500, startOrEnd: null },
  bool: false,
  matching: { card: "many-to-one", labels: ["job"], on: true, include: ["x"], fillValues: { lhs: null, rhs: 0 } },
};

test("a tree prints as the query it came from", () => {
  expect(printNode(ratio)).toBe('sum by (job, "a.b") (rate(up{job=~"a.*"}[5m] offset -1m)) / on(job) group_left(x) fill_right(0) up{job=~"a.*"}[10m:] @ 1.500');
  expect(printNode({ ...up, name: "", matchers: [{ name: "__name__", type: "=", value: "a b" }] })).toBe('{__name__="a b"}');
});

test("duration expressions print", () => {
  const step: AstNode = { type: "durationExpr", op: "step", lhs: null, rhs: null, wrapped: false };
  const rangeExpr: AstNode = { type: "durationExpr", op: "+", lhs: { type: "numberLiteral", val: "300", duration: true }, rhs: step, wrapped: false };
  expect(printNode({ ...up, matchers: [], type: "matrixSelector", range: 0, rangeExpr })).toBe("up[5m + step()]");
});

test("a line of the tree shows the node without its parts, literals kept", () => {
  expect([printHead(sum), printHead(ratio), printHead(rate)]).toEqual(['sum by (job, "a.b") (…)', "/ on(job) group_left(x) fill_right(0)", "rate(…)"]);
  expect(printHead({ type: "aggregation", op: "topk", expr: up, param: { type: "numberLiteral", val: "3" }, grouping: [], without: false })).toBe("topk(3, …)");
  expect(children(ratio)).toHaveLength(2);
});

test("nodes are explained in words", () => {
  expect(explain(sum)).toEqual(["Adds up the values, in groups of series with equal job, a.b."]);
  expect(explain(range)).toContain("Shifted 1m into the future.");
  expect(explain(ratio)).toContain("Partners are equal in job.");
});
