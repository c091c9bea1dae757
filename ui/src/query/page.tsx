// The query page: panels, each an expression with a table, a graph and an
// explanation. The address always reproduces what is shown.

import { signal, useSignal, type Signal } from "@preact/signals";
import { useEffect } from "preact/hooks";
import { queryInstant } from "../api";
import { formatDuration } from "../shared/duration";
import { onArrival, page } from "../shell/router";
import { PanelView } from "./panel";
import { emptyPanel, formatLink, parseLink, type Panel } from "./state";

/** Clocks of browser and server may differ by this much before the reader is told. */
const DRIFT_MAX_MS = 30_000;

interface Keyed extends Panel {
  key: number;
  /** What is being typed: outlives a visit to another page. */
  draft: Signal<string>;
}

let nextKey = 0;
const keyed = (panel: Panel): Keyed => ({ ...panel, key: nextKey++, draft: signal(panel.expr) });
const panels = signal<Keyed[]>(parseLink(location.search).map(keyed));

onArrival((byHistory) => {
  if (page.peek().name !== "query") return;
  if (byHistory || location.search !== "") panels.value = parseLink(location.search).map(keyed);
  // A plain link back to this page finds it as it was left.
  else if (panels.peek().some((panel) => panel.expr !== "")) history.replaceState(null, "", location.pathname + formatLink(panels.peek()));
});

function setPanels(next: Keyed[]) {
  panels.value = next;
  const link = formatLink(next);
  if (link !== location.search) history.pushState(null, "", location.pathname + link);
}

export function QueryPage() {
  const change = (key: number, by: Partial<Panel>) => setPanels(panels.value.map((p) => (p.key === key ? { ...p, ...by } : p)));
  const duplicate = (panel: Keyed) => setPanels(panels.value.flatMap((p) => (p.key === panel.key ? [p, keyed(p)] : [p])));
  const remove = (key: number) => {
    const others = panels.value.filter((p) => p.key !== key);
    setPanels(others.length > 0 ? others : [keyed(emptyPanel())]);
  };
  return (
    <div class="stack">
      <h1 class="unseen">Query</h1>
      <ClockWarning />
      {panels.value.map((panel) => (
        <PanelView key={panel.key} panel={panel} draft={panel.draft} change={(by) => change(panel.key, by)} duplicate={() => duplicate(panel)} remove={() => remove(panel.key)} />
      ))}
      <div>
        <button onClick={() => setPanels([...panels.value, keyed(emptyPanel())])}>+ Add query</button>
      </div>
    </div>
  );
}

/** Asks the server for its time: the answer also tells whether it is ready. */
function ClockWarning() {
  const drift = useSignal(0);
  useEffect(() => {
    const asked = Date.now();
    queryInstant("time()", null)
      .then(({ data }) => {
        if (data.resultType === "scalar") drift.value = (asked + Date.now()) / 2 - Number(data.result[1]) * 1000;
      })
      .catch(() => {
        // The first real query says what is wrong.
      });
  }, []);
  const off = Math.abs(drift.value);
  if (off <= DRIFT_MAX_MS) return null;
  return (
    <p class="note warning">
      The clock of this browser is {formatDuration(Math.round(off / 1_000) * 1_000)} {drift.value > 0 ? "ahead of" : "behind"} the server's: graphs up to “now” may be cut or seem late.
    </p>
  );
}
