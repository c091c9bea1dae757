// The syntax tree of PromQL as `/api/v1/parse_query` sends it. Durations are in milliseconds.

export interface Matcher {
  name: string;
  type: "=" | "!=" | "=~" | "!~";
  value: string;
}

interface Timing {
  offset: number;
  offsetExpr?: AstNode | null;
  timestamp: number | null;
  startOrEnd: "start" | "end" | null;
}

interface Selector extends Timing {
  name: string;
  matchers: Matcher[];
  anchored?: boolean;
  smoothed?: boolean;
}

export interface Matching {
  card: "one-to-one" | "one-to-many" | "many-to-one" | "many-to-many";
  labels: string[];
  on: boolean;
  include: string[];
  fillValues?: { lhs: number | null; rhs: number | null };
}

export type AstNode =
  | ({ type: "vectorSelector" } & Selector)
  | ({ type: "matrixSelector"; range: number; rangeExpr?: AstNode | null } & Selector)
  | ({ type: "subquery"; expr: AstNode; range: number; rangeExpr?: AstNode | null; step: number; stepExpr?: AstNode | null } & Timing)
  | { type: "aggregation"; op: string; expr: AstNode; param: AstNode | null; grouping: string[]; without: boolean }
  | { type: "binaryExpr"; op: string; lhs: AstNode; rhs: AstNode; bool: boolean; matching: Matching | null }
  | { type: "call"; func: { name: string; argTypes: string[]; returnType: string; variadic: number }; args: AstNode[] }
  | { type: "numberLiteral"; val: string; duration?: boolean }
  | { type: "stringLiteral"; val: string }
  | { type: "parenExpr"; expr: AstNode }
  | { type: "unaryExpr"; op: string; expr: AstNode }
  | { type: "durationExpr"; op: string; lhs: AstNode | null; rhs: AstNode | null; wrapped: boolean }
  | { type: "placeholder"; children: AstNode[] };

/** The parts of a node, in the order in which they are written. */
export function children(node: AstNode): AstNode[] {
  switch (node.type) {
    case "aggregation":
      return node.param ? [node.param, node.expr] : [node.expr];
    case "subquery":
    case "parenExpr":
    case "unaryExpr":
      return [node.expr];
    case "binaryExpr":
      return [node.lhs, node.rhs];
    case "call":
      return node.args;
    case "placeholder":
      return node.children;
    default:
      return [];
  }
}
