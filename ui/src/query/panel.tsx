// One expression and what it gives.

import { useSignal, type Signal } from "@preact/signals";
import type { ComponentProps } from "preact";
import { useEffect, useMemo, useRef } from "preact/hooks";
import { formatQuery, queryExemplars, queryInstant, queryRange, type Answer, type ExemplarSeries, type QueryData } from "../api";
import { formatDuration } from "../shared/duration";
import { lazyView } from "../shared/lazy";
import { enableQueryHistory, showQueryInfoNotices, showQueryWarnings } from "../shared/settings";
import { ErrorNote } from "../shared/widgets";
import { hasExemplars } from "../shell/features";
import { Menu, MenuButton } from "../shell/menu";
import { GraphControls, MomentControl } from "./controls";
import { Editor } from "./editor";
import { queryHistory, remember } from "./history";
import { stepFor, type Panel } from "./state";
import { ResultTable } from "./table";

const GraphView = lazyView<ComponentProps<typeof import("./graph").GraphView>>(() => import("./plots").then((m) => m.GraphView));
const HeatmapView = lazyView<ComponentProps<typeof import("./heatmap").HeatmapView>>(() => import("./plots").then((m) => m.HeatmapView));
const Explorer = lazyView<ComponentProps<typeof import("./explorer").Explorer>>(() => import("./explore").then((m) => m.Explorer));
const TreeView = lazyView<ComponentProps<typeof import("./tree").TreeView>>(() => import("./explore").then((m) => m.TreeView));

type Outcome =
  | { state: "empty" }
  | { state: "failed"; error: string }
  | { state: "done"; graph: boolean; answer: Answer<QueryData>; exemplars: ExemplarSeries[]; tookMs: number; startMs: number; endMs: number; stepMs: number };

interface Props {
  panel: Panel;
  draft: Signal<string>;
  change: (by: Partial<Panel>) => void;
  duplicate: () => void;
  remove: () => void;
}

export function PanelView({ panel, draft, change, duplicate, remove }: Props) {
  const outcome = useSignal<Outcome>({ state: "empty" });
  const running = useSignal(false);
  const round = useSignal(0);
  const exploring = useSignal(false);
  // The part of the expression that was chosen in the tree; all of it when empty.
  const part = useSignal("");
  const insert = useRef<(text: string) => void>(() => {});
  const withTree = panel.showTree || panel.tab === "explain";
  const expr = (withTree && part.value) || panel.expr;
  const exemplars = panel.showExemplars && hasExemplars();

  useEffect(() => {
    if (panel.expr.trim() === "") {
      outcome.value = { state: "empty" };
      return;
    }
    // The tree asks for itself.
    if (panel.tab === "explain") return;
    const abort = new AbortController();
    running.value = true;
    run(panel, expr, exemplars, abort.signal)
      .then((done) => (outcome.value = done))
      .catch((error: Error) => {
        if (!abort.signal.aborted) outcome.value = { state: "failed", error: error.message };
      })
      .finally(() => {
        if (!abort.signal.aborted) running.value = false;
      });
    return () => abort.abort();
  }, [expr, panel.tab, panel.rangeMs, panel.endMs, panel.momentMs, stepFor(panel), exemplars, round.value]);

  const execute = (text = draft.value) => {
    draft.value = text;
    part.value = "";
    remember(text);
    if (text === panel.expr) round.value++;
    else change({ expr: text });
  };
  const format = () =>
    formatQuery(draft.value)
      .then((answer) => (draft.value = answer.data))
      .catch((error: Error) => (outcome.value = { state: "failed", error: error.message }));

  return (
    <section class="card panel" aria-busy={running.value} aria-label={panel.expr || "New query"}>
      <div class="row query-row">
        <Editor text={draft} insert={insert} onExecute={() => execute()} />
        <button class="primary" onClick={() => execute()}>
          Execute
        </button>
        <HistoryMenu run={execute} />
        <Menu label="⋮" title="More" class="quiet icon">
          <MenuButton onClick={() => (exploring.value = true)}>Explore metrics</MenuButton>
          <MenuButton onClick={format}>Format expression</MenuButton>
          <MenuButton onClick={() => change({ showTree: !panel.showTree })}>{panel.showTree ? "Hide tree view" : "Show tree view"}</MenuButton>
          <MenuButton onClick={duplicate}>Duplicate query</MenuButton>
          <MenuButton onClick={remove}>Remove query</MenuButton>
        </Menu>
      </div>
      {exploring.value && <Explorer insert={(text) => insert.current(text)} close={() => (exploring.value = false)} />}
      {panel.showTree && panel.tab !== "explain" && panel.expr.trim() !== "" && (
        <TreeView expr={panel.expr} momentMs={panel.momentMs} round={round.value} selected={part.value} select={(text) => (part.value = text)} explained={false} />
      )}
      <div class="row controls">
        <Tabs tab={panel.tab} set={(tab) => change({ tab })} />
        {panel.tab === "graph" && <GraphControls panel={panel} change={change} histograms={hasHistograms(outcome.value)} />}
        {panel.tab !== "graph" && <MomentControl panel={panel} change={change} />}
        {panel.tab !== "explain" && <Summary outcome={outcome.value} />}
      </div>
      {panel.tab === "explain" && panel.expr.trim() !== "" ? (
        <TreeView expr={panel.expr} momentMs={panel.momentMs} round={round.value} selected={part.value} select={(text) => (part.value = text)} explained />
      ) : (
        <>
          <Messages outcome={outcome.value} />
          <Result outcome={outcome.value} panel={panel} change={change} execute={execute} explore={() => (exploring.value = true)} />
        </>
      )}
    </section>
  );
}

async function run(panel: Panel, expr: string, exemplars: boolean, abort: AbortSignal): Promise<Outcome> {
  const began = performance.now();
  const stepMs = stepFor(panel);
  const endMs = panel.endMs ?? Date.now();
  const startMs = endMs - panel.rangeMs;
  const graph = panel.tab === "graph";
  const [answer, found] = await Promise.all([
    graph ? queryRange(expr, startMs, endMs, stepMs, abort) : queryInstant(expr, panel.momentMs, abort),
    // Without exemplars the graph is still worth showing.
    graph && exemplars ? queryExemplars(expr, startMs, endMs, abort).then((a) => a.data ?? []).catch(() => []) : [],
  ]);
  return { state: "done", graph, answer, exemplars: found, tookMs: performance.now() - began, startMs, endMs, stepMs };
}

function hasHistograms(outcome: Outcome): boolean {
  return outcome.state === "done" && outcome.answer.data.resultType === "matrix" && outcome.answer.data.result.some((series) => series.histograms);
}

function Tabs({ tab, set }: { tab: Panel["tab"]; set: (tab: Panel["tab"]) => void }) {
  const tabs = [
    ["table", "Table"],
    ["graph", "Graph"],
    ["explain", "Explain"],
  ] as const;
  const onKeyDown = (event: KeyboardEvent) => {
    const by = event.key === "ArrowRight" ? 1 : event.key === "ArrowLeft" ? -1 : 0;
    if (by === 0) return;
    const next = (tabs.findIndex(([name]) => name === tab) + by + tabs.length) % tabs.length;
    ((event.currentTarget as HTMLElement).children[next] as HTMLElement).focus();
    set(tabs[next]![0]);
  };
  return (
    <div class="tabs" role="tablist" aria-label="View" onKeyDown={onKeyDown}>
      {tabs.map(([name, text]) => (
        <button role="tab" aria-selected={tab === name} tabIndex={tab === name ? 0 : -1} onClick={() => set(name)}>
          {text}
        </button>
      ))}
    </div>
  );
}

function HistoryMenu({ run }: { run: (text: string) => void }) {
  if (!enableQueryHistory.value) {
    return (
      <Menu label="↺" title="Earlier queries" class="quiet icon">
        <MenuButton onClick={() => (enableQueryHistory.value = true)}>Queries are not remembered. Remember them in this browser</MenuButton>
      </Menu>
    );
  }
  const list = queryHistory.value;
  return (
    <Menu label="↺" title="Earlier queries" class="quiet icon">
      {list.length === 0 && <MenuButton onClick={() => {}}>No earlier queries yet</MenuButton>}
      {list.map((text) => (
        <MenuButton key={text} onClick={() => run(text)}>
          <code>{text}</code>
        </MenuButton>
      ))}
      {list.length > 0 && <MenuButton onClick={() => (queryHistory.value = [])}>Forget all</MenuButton>}
    </Menu>
  );
}

function Summary({ outcome }: { outcome: Outcome }) {
  if (outcome.state !== "done") return null;
  const { data } = outcome.answer;
  const parts = [`Load time: ${Math.round(outcome.tookMs)} ms`];
  if (data.resultType === "matrix" && outcome.stepMs > 0) parts.push(`Resolution: ${formatDuration(outcome.stepMs)}`);
  if (data.resultType === "vector" || data.resultType === "matrix") parts.push(`Result series: ${data.result.length}`);
  return (
    <span class="summary" title={data.stats && statsText(data.stats)}>
      {parts.join(" · ")}
    </span>
  );
}

/** The statistics of a query, one on each line. */
function statsText(stats: NonNullable<QueryData["stats"]>): string {
  const timings = Object.entries(stats.timings).map(([name, seconds]) => `${name}: ${(seconds * 1000).toFixed(3)} ms`);
  const samples = Object.entries(stats.samples).filter(([, value]) => typeof value === "number").map(([name, value]) => `${name}: ${String(value)}`);
  return [...timings, ...samples].join("\n");
}

function Messages({ outcome }: { outcome: Outcome }) {
  if (outcome.state === "failed") return <ErrorNote text={outcome.error} />;
  if (outcome.state !== "done") return null;
  const { warnings, infos } = outcome.answer;
  return (
    <>
      {showQueryWarnings.value && warnings.map((text) => <pre class="note warning">{text}</pre>)}
      {showQueryInfoNotices.value && infos.map((text) => <pre class="note info">{text}</pre>)}
    </>
  );
}

/** Something to begin with. */
const EXAMPLES = ["up", "rate(process_cpu_seconds_total[1m])", "topk(5, count by (__name__) ({__name__!=\"\"}))"];

function Result(props: { outcome: Outcome; panel: Panel; change: (by: Partial<Panel>) => void; execute: (text: string) => void; explore: () => void }) {
  const { outcome, panel, change } = props;
  const zoom = useMemo(() => (fromMs: number, toMs: number) => change({ rangeMs: Math.max(1_000, Math.round((toMs - fromMs) / 1_000) * 1_000), endMs: Math.round(toMs / 1_000) * 1_000 }), [panel]);
  if (outcome.state === "empty") {
    return (
      <p class="hint">
        Type an expression and press Enter, for example{" "}
        {EXAMPLES.map((text, i) => (
          <>
            {i > 0 && ", "}
            <button class="quiet small" onClick={() => props.execute(text)}>
              <code>{text}</code>
            </button>
          </>
        ))}
        , or{" "}
        <button class="quiet small" onClick={props.explore}>
          explore the metrics
        </button>
        .
      </p>
    );
  }
  if (outcome.state === "failed") return null;
  // The other tab's answer, until its own is here.
  if (outcome.graph !== (panel.tab === "graph")) return null;
  const { data } = outcome.answer;
  const { startMs, endMs, stepMs, exemplars } = outcome;
  if (panel.tab === "table") return <ResultTable data={data} />;
  if (data.resultType !== "matrix") return null;
  if (data.result.length === 0) return <p class="hint">No series in this range.</p>;
  if (panel.display === "heatmap" && hasHistograms(outcome)) return <HeatmapView result={data.result} startMs={startMs} endMs={endMs} stepMs={stepMs} onZoom={zoom} />;
  return (
    <GraphView result={data.result} startMs={startMs} endMs={endMs} stepMs={stepMs} stacked={panel.display === "stacked"} fromZero={panel.fromZero} exemplars={exemplars} onZoom={zoom} />
  );
}
