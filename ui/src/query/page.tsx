// The query page: panels, each an expression with a table and a graph. The
// address always reproduces what is shown.

import { signal, useSignal } from "@preact/signals";
import { useEffect } from "preact/hooks";
import { formatQuery, queryInstant, queryRange, type Answer, type QueryData } from "../api";
import { formatDuration, formatUtc, parseDuration, parseUtc } from "../shared/duration";
import { Editor } from "./editor";
import { GraphView } from "./graph";
import { emptyPanel, formatLink, parseLink, stepFor, zoomedRange, type Panel } from "./state";
import { ResultTable } from "./table";

interface Keyed extends Panel {
  key: number;
}

let nextKey = 0;
const keyed = (panel: Panel): Keyed => ({ ...panel, key: nextKey++ });
const panels = signal<Keyed[]>(parseLink(location.search).map(keyed));

addEventListener("popstate", () => (panels.value = parseLink(location.search).map(keyed)));

function setPanels(next: Keyed[]) {
  panels.value = next;
  const link = formatLink(next);
  if (link !== location.search) history.pushState(null, "", location.pathname + link);
}

export function QueryPage() {
  const change = (key: number, by: Partial<Panel>) => setPanels(panels.value.map((p) => (p.key === key ? { ...p, ...by } : p)));
  return (
    <div class="stack">
      {panels.value.map((panel) => (
        <PanelView
          key={panel.key}
          panel={panel}
          change={(by) => change(panel.key, by)}
          remove={panels.value.length > 1 ? () => setPanels(panels.value.filter((p) => p.key !== panel.key)) : undefined}
        />
      ))}
      <div>
        <button onClick={() => setPanels([...panels.value, keyed(emptyPanel())])}>Add query</button>
      </div>
    </div>
  );
}

type Outcome =
  | { state: "empty" }
  | { state: "failed"; error: string }
  | { state: "done"; answer: Answer<QueryData>; tookMs: number; startMs: number; endMs: number; stepMs: number };

function PanelView(props: { panel: Panel; change: (by: Partial<Panel>) => void; remove?: () => void }) {
  const { panel, change } = props;
  const draft = useSignal(panel.expr);
  const outcome = useSignal<Outcome>({ state: "empty" });
  const running = useSignal(false);
  const round = useSignal(0);

  useEffect(() => {
    if (panel.expr.trim() === "") {
      outcome.value = { state: "empty" };
      return;
    }
    const abort = new AbortController();
    const began = performance.now();
    const stepMs = stepFor(panel);
    const endMs = panel.endMs ?? Date.now();
    const startMs = endMs - panel.rangeMs;
    running.value = true;
    (panel.tab === "graph" ? queryRange(panel.expr, startMs, endMs, stepMs, abort.signal) : queryInstant(panel.expr, panel.momentMs, abort.signal))
      .then((answer) => {
        outcome.value = { state: "done", answer, tookMs: performance.now() - began, startMs, endMs, stepMs };
      })
      .catch((error: Error) => {
        if (!abort.signal.aborted) outcome.value = { state: "failed", error: error.message };
      })
      .finally(() => {
        if (!abort.signal.aborted) running.value = false;
      });
    return () => abort.abort();
  }, [panel.expr, panel.tab, panel.rangeMs, panel.endMs, panel.momentMs, panel.stepMs, round.value]);

  const execute = () => {
    if (draft.value === panel.expr) round.value++;
    else change({ expr: draft.value });
  };
  const format = () =>
    formatQuery(draft.value)
      .then((answer) => (draft.value = answer.data))
      .catch((error: Error) => (outcome.value = { state: "failed", error: error.message }));

  return (
    <section class="card panel" aria-busy={running.value}>
      <div class="row">
        <Editor text={draft} onExecute={execute} />
        <button class="primary" onClick={execute}>
          Execute
        </button>
        <button class="quiet" title="Format the expression" aria-label="Format the expression" onClick={format}>
          {"{ }"}
        </button>
        {props.remove && (
          <button class="quiet" title="Remove this query" aria-label="Remove this query" onClick={props.remove}>
            ✕
          </button>
        )}
      </div>
      <div class="row controls">
        <div class="tabs" role="tablist">
          {(["table", "graph"] as const).map((tab) => (
            <button role="tab" aria-selected={panel.tab === tab} onClick={() => change({ tab })}>
              {tab === "table" ? "Table" : "Graph"}
            </button>
          ))}
        </div>
        {panel.tab === "graph" ? <GraphControls panel={panel} change={change} /> : <MomentControl panel={panel} change={change} />}
        <Summary outcome={outcome.value} />
      </div>
      <Messages outcome={outcome.value} />
      <Result outcome={outcome.value} panel={panel} change={change} />
    </section>
  );
}

function Summary({ outcome }: { outcome: Outcome }) {
  if (outcome.state !== "done") return null;
  const { data } = outcome.answer;
  const series = data.resultType === "vector" || data.resultType === "matrix" ? `${data.result.length} series · ` : "";
  return (
    <span class="summary">
      {series}
      {Math.round(outcome.tookMs)} ms
    </span>
  );
}

function Messages({ outcome }: { outcome: Outcome }) {
  if (outcome.state === "failed") return <pre class="note error">{outcome.error}</pre>;
  if (outcome.state !== "done") return null;
  return (
    <>
      {outcome.answer.warnings.map((text) => (
        <pre class="note warning">{text}</pre>
      ))}
      {outcome.answer.infos.map((text) => (
        <pre class="note info">{text}</pre>
      ))}
    </>
  );
}

function Result(props: { outcome: Outcome; panel: Panel; change: (by: Partial<Panel>) => void }) {
  const { outcome, panel, change } = props;
  if (outcome.state === "empty") {
    return <p class="hint">Type an expression and press Enter: for example <code>up</code> or <code>rate(process_cpu_seconds_total[1m])</code>.</p>;
  }
  if (outcome.state === "failed") return null;
  const { data } = outcome.answer;
  if (panel.tab === "table") return <ResultTable data={data} />;
  if (data.resultType !== "matrix") return null;
  if (data.result.length === 0) return <p class="hint">No series in this range.</p>;
  return (
    <GraphView
      result={data.result}
      startMs={outcome.startMs}
      endMs={outcome.endMs}
      stepMs={outcome.stepMs}
      stacked={panel.stacked}
      onZoom={(fromMs, toMs) => change({ rangeMs: Math.max(1_000, Math.round((toMs - fromMs) / 1_000) * 1_000), endMs: Math.round(toMs / 1_000) * 1_000 })}
    />
  );
}

/** A text field that takes effect on Enter or when it is left, and goes back when it makes no sense. */
function Field(props: { label: string; value: string; placeholder?: string; width: string; set: (text: string) => boolean }) {
  const wrong = useSignal(false);
  const commit = (input: HTMLInputElement) => {
    if (input.value !== props.value) wrong.value = !props.set(input.value.trim());
    else wrong.value = false;
  };
  return (
    <input
      key={props.value}
      aria-label={props.label}
      title={props.label}
      aria-invalid={wrong.value}
      style={{ width: props.width }}
      defaultValue={props.value}
      placeholder={props.placeholder}
      onBlur={(e) => commit(e.currentTarget)}
      onKeyDown={(e) => e.key === "Enter" && commit(e.currentTarget)}
    />
  );
}

function timeSetter(set: (ms: number | null) => void) {
  return (text: string) => {
    const ms = text === "" ? null : parseUtc(text);
    if (text !== "" && ms === null) return false;
    set(ms);
    return true;
  };
}

function GraphControls({ panel, change }: { panel: Panel; change: (by: Partial<Panel>) => void }) {
  const end = () => panel.endMs ?? Date.now();
  return (
    <>
      <span class="group">
        <button aria-label="Shorter range" onClick={() => change({ rangeMs: zoomedRange(panel.rangeMs, -1) })}>−</button>
        <Field
          label="Range"
          width="5rem"
          value={formatDuration(panel.rangeMs)}
          set={(text) => {
            const ms = parseDuration(text);
            if (!ms) return false;
            change({ rangeMs: ms });
            return true;
          }}
        />
        <button aria-label="Longer range" onClick={() => change({ rangeMs: zoomedRange(panel.rangeMs, 1) })}>+</button>
      </span>
      <span class="group">
        <button aria-label="Earlier" onClick={() => change({ endMs: end() - panel.rangeMs / 2 })}>‹</button>
        <Field label="End time (UTC)" width="11.5rem" placeholder="now (UTC)" value={panel.endMs === null ? "" : formatUtc(panel.endMs)} set={timeSetter((endMs) => change({ endMs }))} />
        <button aria-label="Later" onClick={() => change({ endMs: end() + panel.rangeMs / 2 })}>›</button>
      </span>
      <Field
        label="Step"
        width="5.5rem"
        placeholder={`step ${formatDuration(stepFor({ ...panel, stepMs: null }))}`}
        value={panel.stepMs === null ? "" : formatDuration(panel.stepMs)}
        set={(text) => {
          const ms = text === "" ? null : parseDuration(text);
          if (text !== "" && !ms) return false;
          change({ stepMs: ms });
          return true;
        }}
      />
      <label class="check">
        <input type="checkbox" checked={panel.stacked} onChange={() => change({ stacked: !panel.stacked })} /> Stacked
      </label>
    </>
  );
}

function MomentControl({ panel, change }: { panel: Panel; change: (by: Partial<Panel>) => void }) {
  const moment = () => panel.momentMs ?? Date.now();
  return (
    <span class="group">
      <button aria-label="Earlier" onClick={() => change({ momentMs: moment() - panel.rangeMs / 2 })}>‹</button>
      <Field label="Evaluation time (UTC)" width="11.5rem" placeholder="now (UTC)" value={panel.momentMs === null ? "" : formatUtc(panel.momentMs)} set={timeSetter((momentMs) => change({ momentMs }))} />
      <button aria-label="Later" onClick={() => change({ momentMs: moment() + panel.rangeMs / 2 })}>›</button>
    </span>
  );
}
