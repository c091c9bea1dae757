// From the syntax tree back to PromQL, and to words that explain a node.

import { formatDuration } from "../shared/duration";
import type { AstNode, Matching } from "./ast";

const LEGACY_NAME = /^[a-zA-Z_:][a-zA-Z0-9_:]*$/;
const LEGACY_LABEL = /^[a-zA-Z_][a-zA-Z0-9_]*$/;

const label = (name: string) => (LEGACY_LABEL.test(name) ? name : JSON.stringify(name));
const labels = (names: string[]) => names.map(label).join(", ");

type Selector = Extract<AstNode, { type: "vectorSelector" | "matrixSelector" }>;
type Timed = Selector | Extract<AstNode, { type: "subquery" }>;

function selector(node: Selector): string {
  const bare = LEGACY_NAME.test(node.name);
  const inside = node.matchers.filter((m) => !(bare && m.name === "__name__" && m.type === "=" && m.value === node.name)).map((m) => `${label(m.name)}${m.type}${JSON.stringify(m.value)}`);
  return (bare ? node.name : "") + (inside.length > 0 || !bare ? `{${inside.join(", ")}}` : "");
}

function duration(node: AstNode): string {
  if (node.type === "numberLiteral") return node.duration ? formatDuration(Math.round(Number(node.val) * 1000)) : node.val;
  if (node.type !== "durationExpr") return printNode(node);
  const { op, lhs, rhs } = node;
  const text = /^(step|range)$/.test(op)
    ? `${op}()`
    : /^(min|max)/.test(op)
      ? `${op.replace(/_of$/, "")}(${lhs && duration(lhs)}, ${rhs && duration(rhs)})`
      : `${lhs ? `${duration(lhs)} ` : ""}${op}${lhs ? " " : ""}${rhs ? duration(rhs) : ""}`;
  return node.wrapped ? `(${text})` : text;
}

const length = (ms: number, expr: AstNode | null | undefined) => (expr ? duration(expr) : formatDuration(ms));

function timing(node: Timed): string {
  let text = "";
  if (node.type !== "subquery") text += node.anchored ? " anchored" : node.smoothed ? " smoothed" : "";
  if (node.startOrEnd) text += ` @ ${node.startOrEnd}()`;
  else if (node.timestamp !== null) text += ` @ ${(node.timestamp / 1000).toFixed(3)}`;
  if (node.offsetExpr) text += ` offset ${duration(node.offsetExpr)}`;
  else if (node.offset !== 0) text += ` offset ${node.offset < 0 ? "-" : ""}${formatDuration(Math.abs(node.offset))}`;
  return text;
}

function matching(m: Matching | null): string {
  if (!m) return "";
  let text = m.on || m.labels.length > 0 ? ` ${m.on ? "on" : "ignoring"}(${labels(m.labels)})` : "";
  if (m.card === "many-to-one") text += ` group_left(${labels(m.include)})`;
  if (m.card === "one-to-many") text += ` group_right(${labels(m.include)})`;
  const { lhs, rhs } = m.fillValues ?? { lhs: null, rhs: null };
  if (lhs !== null && lhs === rhs) return `${text} fill(${lhs})`;
  if (lhs !== null) text += ` fill_left(${lhs})`;
  if (rhs !== null) text += ` fill_right(${rhs})`;
  return text;
}

function operator(node: Extract<AstNode, { type: "binaryExpr" }>): string {
  return node.op + (node.bool ? " bool" : "") + matching(node.matching);
}

function grouping(node: Extract<AstNode, { type: "aggregation" }>): string {
  if (node.without) return ` without (${labels(node.grouping)}) `;
  return node.grouping.length > 0 ? ` by (${labels(node.grouping)}) ` : "";
}

/** The node as PromQL. */
export function printNode(node: AstNode): string {
  return printWith(node, printNode);
}

/** The node as PromQL with `…` in the place of its parts: one line of the tree. */
export function printHead(node: AstNode): string {
  switch (node.type) {
    case "binaryExpr":
      return operator(node);
    default:
      return printWith(node, (child) => (/Literal$/.test(child.type) ? printNode(child) : "…"));
  }
}

function printWith(node: AstNode, inner: (child: AstNode) => string): string {
  switch (node.type) {
    case "vectorSelector":
      return selector(node) + timing(node);
    case "matrixSelector":
      return `${selector(node)}[${length(node.range, node.rangeExpr)}]${timing(node)}`;
    case "subquery":
      return `${inner(node.expr)}[${length(node.range, node.rangeExpr)}:${node.step || node.stepExpr ? length(node.step, node.stepExpr) : ""}]${timing(node)}`;
    case "aggregation":
      return `${node.op}${grouping(node)}(${node.param ? `${inner(node.param)}, ` : ""}${inner(node.expr)})`;
    case "binaryExpr":
      return `${inner(node.lhs)} ${operator(node)} ${inner(node.rhs)}`;
    case "call":
      return `${node.func.name}(${node.args.map(inner).join(", ")})`;
    case "parenExpr":
      return `(${inner(node.expr)})`;
    case "unaryExpr":
      return `${node.op}${inner(node.expr)}`;
    case "numberLiteral":
      return node.val;
    case "stringLiteral":
      return JSON.stringify(node.val);
    case "durationExpr":
      return duration(node);
    case "placeholder":
      return "…";
  }
}

const IN_WORDS = { "=": "is", "!=": "is not", "=~": "matches", "!~": "does not match" } as const;

const AGGREGATIONS: Record<string, string> = {
  sum: "Adds up the values",
  avg: "Takes the mean of the values",
  min: "Takes the smallest value",
  max: "Takes the largest value",
  count: "Counts the series",
  group: "Gives 1 for each group that has a series",
  stddev: "Takes the standard deviation of the values",
  stdvar: "Takes the variance of the values",
  topk: "Keeps the series with the largest values",
  bottomk: "Keeps the series with the smallest values",
  quantile: "Estimates a quantile over the values",
  count_values: "Counts the series with equal values",
  limitk: "Keeps some series",
  limit_ratio: "Keeps a part of the series",
};

/** What a node does, in sentences. */
export function explain(node: AstNode): string[] {
  switch (node.type) {
    case "vectorSelector":
      return ["Takes the latest sample, not older than the look-back, of each series where", ...matchers(node), ...when(node)];
    case "matrixSelector":
      return [`Takes all samples of the last ${length(node.range, node.rangeExpr)} of each series where`, ...matchers(node), ...when(node)];
    case "subquery":
      return [`Evaluates its part over the last ${length(node.range, node.rangeExpr)}, ${node.step ? `every ${length(node.step, node.stepExpr)}` : "at the default interval"}.`, ...when(node)];
    case "aggregation": {
      const names = node.grouping.join(", ");
      const groups = node.without ? `in groups of series that are equal in all labels${names && ` but ${names}`}` : names ? `in groups of series with equal ${names}` : "over all series together";
      return [`${AGGREGATIONS[node.op] ?? `Aggregates with ${node.op}`}, ${groups}.`];
    }
    case "binaryExpr":
      return binary(node);
    case "call":
      return [`Calls the function ${node.func.name}: takes ${node.func.argTypes.join(", ") || "nothing"}, gives ${node.func.returnType}.`];
    case "parenExpr":
      return ["Parentheses: the value of what they hold."];
    case "unaryExpr":
      return [node.op === "-" ? "Changes the sign of each value." : "Leaves each value as it is."];
    case "numberLiteral":
      return ["A number."];
    case "stringLiteral":
      return ["A text."];
    default:
      return [];
  }
}

function matchers(node: Selector): string[] {
  return node.matchers.map((m) => `• ${m.name === "__name__" ? "the metric's name" : m.name} ${m.value === "" && m.type === "=" ? "is absent" : m.value === "" && m.type === "!=" ? "is present" : `${IN_WORDS[m.type]} ${JSON.stringify(m.value)}`}`);
}

function when(node: Timed): string[] {
  const out: string[] = [];
  if (node.startOrEnd) out.push(`As of the ${node.startOrEnd} of the query's range.`);
  else if (node.timestamp !== null) out.push(`As of ${new Date(node.timestamp).toISOString()}.`);
  if (node.offset > 0) out.push(`Shifted ${formatDuration(node.offset)} into the past.`);
  if (node.offset < 0) out.push(`Shifted ${formatDuration(-node.offset)} into the future.`);
  return out;
}

const COMPARISONS = /^(==|!=|[<>]=?)$/;

function binary(node: Extract<AstNode, { type: "binaryExpr" }>): string[] {
  const out: string[] = [];
  if (node.op === "and") out.push("Keeps series of the left side that have a partner on the right.");
  else if (node.op === "unless") out.push("Keeps series of the left side that have no partner on the right.");
  else if (node.op === "or") out.push("All series of the left side, and those of the right that have no partner there.");
  else if (COMPARISONS.test(node.op)) out.push(node.bool ? "Gives 1 where the comparison holds, 0 where not." : "Keeps values for which the comparison holds.");
  else out.push(`Computes left ${node.op} right for each pair of series.`);
  const m = node.matching;
  if (!m) return out;
  const names = m.labels.join(", ");
  out.push(m.on ? `Partners are equal in ${names || "no label at all: one series on each side"}.` : `Partners are equal in all labels${names && ` but ${names}`}.`);
  if (m.card === "many-to-one") out.push(`Many series on the left may share one on the right${m.include.length > 0 ? `, from which they take ${m.include.join(", ")}` : ""}.`);
  if (m.card === "one-to-many") out.push(`Many series on the right may share one on the left${m.include.length > 0 ? `, from which they take ${m.include.join(", ")}` : ""}.`);
  return out;
}
