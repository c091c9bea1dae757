// An expression as a tree. Each part is evaluated once the parts below it are,
// so that the line says how many series it has, how long it took, and which labels.

import { useSignal } from "@preact/signals";
import { useEffect, useMemo } from "preact/hooks";
import { parseQuery, queryInstant, type QueryData } from "../api";
import type { LabelMap } from "../shared/format";
import { useLoad } from "../shared/load";
import { ErrorNote } from "../shared/widgets";
import { children, type AstNode } from "./ast";
import { countLabels } from "./explorer-view";
import { explain, printHead, printNode } from "./print";

/** Labels listed at a node, and values shown of each when pointed at. */
const LABELS_SHOWN = 10;

interface Props {
  expr: string;
  momentMs: number | null;
  /** Changes when everything is to be evaluated anew. */
  round: number;
  /** The chosen part as PromQL. */
  selected: string;
  select: (expr: string) => void;
  /** Whether to say in words what the chosen part does. */
  explained: boolean;
}

type NodeState = { state: "waiting" } | { state: "blocked" } | { state: "failed"; error: string } | { state: "done"; metrics: LabelMap[] | null; tookMs: number };

export function TreeView(props: Props) {
  const { data, error } = useLoad((signal) => parseQuery(props.expr, signal), [props.expr]);
  const root = data.value;
  const find = (node: AstNode): AstNode | undefined => (printNode(node) === props.selected ? node : children(node).map(find).find(Boolean));
  const chosen = root ? (find(root) ?? root) : null;
  const words = chosen ? explain(chosen) : [];
  return (
    <div class="tree">
      <ErrorNote text={error.value} />
      {root && (
        <ul role="tree" aria-label="Parts of the expression">
          <Node key={`${printNode(root)} ${props.momentMs} ${props.round}`} node={root} chosen={chosen!} momentMs={props.momentMs} select={props.select} root />
        </ul>
      )}
      {chosen && props.explained && (
        <div class="explained">
          <code>{printNode(chosen)}</code>
          {words.map((line) => (
            <p>{line}</p>
          ))}
          {chosen.type === "call" && (
            <p>
              <a href={`https://prometheus.io/docs/prometheus/latest/querying/functions/#${chosen.func.name}`} target="_blank" rel="noreferrer">
                Documentation of {chosen.func.name}
              </a>
            </p>
          )}
        </div>
      )}
    </div>
  );
}

interface NodeProps {
  node: AstNode;
  chosen: AstNode;
  momentMs: number | null;
  select: (expr: string) => void;
  report?: (ok: boolean) => void;
  root?: boolean;
}

/** What to ask for to learn about a node; null for what has no series. */
function question(node: AstNode): string | null {
  if (/Literal$|^durationExpr$|^placeholder$/.test(node.type)) return null;
  const text = printNode(node);
  return node.type === "matrixSelector" || node.type === "subquery" ? `last_over_time(${text})` : text;
}

function Node({ node, chosen, momentMs, select, report, root }: NodeProps) {
  const parts = useMemo(() => children(node), [node]);
  const answered = useSignal<boolean[]>([]);
  const outcome = useSignal<NodeState>({ state: "waiting" });
  const text = printNode(node);
  // Parts that have not answered are holes, which `filter` leaves out.
  const ready = answered.value.filter(() => true).length === parts.length;
  const blocked = answered.value.includes(false);

  useEffect(() => {
    if (!ready) return;
    if (blocked) {
      outcome.value = { state: "blocked" };
      report?.(false);
      return;
    }
    const query = question(node);
    if (query === null) {
      report?.(true);
      return;
    }
    const abort = new AbortController();
    const began = performance.now();
    queryInstant(query, momentMs, abort.signal)
      .then(({ data }) => {
        outcome.value = { state: "done", metrics: metricsOf(data), tookMs: performance.now() - began };
        report?.(true);
      })
      .catch((error: Error) => {
        if (abort.signal.aborted) return;
        outcome.value = { state: "failed", error: error.message };
        report?.(false);
      });
    return () => abort.abort();
  }, [ready, blocked]);

  const branch = (part: AstNode, i: number) => (
    <Node
      key={i}
      node={part}
      chosen={chosen}
      momentMs={momentMs}
      select={select}
      report={(ok) => {
        const next = answered.peek().slice();
        next[i] = ok;
        answered.value = next;
      }}
    />
  );
  // The left side of an operator stands above it, the right side below.
  const above = node.type === "binaryExpr" ? 1 : 0;
  return (
    <li role="treeitem" aria-selected={node === chosen} class={root ? "root" : ""}>
      {above > 0 && <ul role="group">{branch(parts[0]!, 0)}</ul>}
      <button class="quiet node" aria-pressed={node === chosen} title={text} onClick={() => select(root ? "" : text)}>
        <code>{printHead(node)}</code>
        <Found outcome={outcome.value} />
      </button>
      {parts.length > above && <ul role="group">{parts.slice(above).map((part, i) => branch(part, i + above))}</ul>}
    </li>
  );
}

function metricsOf(data: QueryData): LabelMap[] | null {
  return data.resultType === "vector" || data.resultType === "matrix" ? (data.result as { metric: LabelMap }[]).map(({ metric }) => metric) : null;
}

function Found({ outcome }: { outcome: NodeState }) {
  const labels = useMemo(() => (outcome.state === "done" && outcome.metrics ? countLabels(outcome.metrics) : []), [outcome]);
  if (outcome.state === "waiting") return null;
  if (outcome.state === "blocked") return <span class="at">waits for a part that failed</span>;
  if (outcome.state === "failed") return <span class="badge bad">{outcome.error}</span>;
  const count = outcome.metrics?.length;
  return (
    <span class="found">
      {count !== undefined && (
        <span class={count === 0 ? "badge warn" : "badge"}>
          {count} {count === 1 ? "result" : "results"}
        </span>
      )}
      <span class="at">{Math.round(outcome.tookMs)} ms</span>
      {labels.slice(0, LABELS_SHOWN).map(({ label, values }) => (
        <span class="at" title={values.slice(0, LABELS_SHOWN).map(([value, n]) => `${value} (${n})`).join("\n")}>
          <span class="label-name">{label}</span>:{values.length}
        </span>
      ))}
      {labels.length > LABELS_SHOWN && <span class="at">+{labels.length - LABELS_SHOWN} labels</span>}
    </span>
  );
}
