// The result of an instant query.

import { useSignal } from "@preact/signals";
import type { HistogramValue, MatrixElement, QueryData, VectorElement } from "../api";
import { formatTime } from "../shared/duration";
import { labelPairs, type LabelMap } from "../shared/format";
import { Growing } from "../shared/more";
import { useLocalTime } from "../shared/settings";
import { Choice, copyText } from "../shared/widgets";
import { bucketBars } from "./heatmap-view";

/** Rows drawn at once; more on demand, so that a huge answer does not freeze the page. */
const ROWS_AT_ONCE = 500;

export function SeriesName({ metric }: { metric: LabelMap }) {
  const pairs = labelPairs(metric);
  return (
    <span class="series">
      {metric.__name__}
      {(pairs.length > 0 || !metric.__name__) && "{"}
      {pairs.map(([name, value], i) => (
        <>
          {i > 0 && ", "}
          <span title="Double click copies the matcher" onDblClick={() => void copyText(`${name}=${JSON.stringify(value)}`)}>
            <span class="label-name">{name}</span>="<span class="label-value">{value}</span>"
          </span>
        </>
      ))}
      {(pairs.length > 0 || !metric.__name__) && "}"}
    </span>
  );
}

function Histogram({ value }: { value: HistogramValue }) {
  const open = useSignal(false);
  const axis = useSignal<"exponential" | "linear">("exponential");
  return (
    <div class="histogram">
      <button class="quiet small" aria-expanded={open.value} onClick={() => (open.value = !open.value)}>
        {open.value ? "▾" : "▸"} count {value.count}, sum {value.sum}
      </button>
      {open.value && (
        <>
          <Choice label="Axis" value={axis.value} options={[["exponential", "Exponential"], ["linear", "Linear"]]} set={(next) => (axis.value = next)} />
          <div class="bucket-bars">
            {bucketBars(value, axis.value).map((bar) => (
              <i title={`${bar.text}: ${bar.count}`} style={{ left: `${bar.left * 100}%`, width: `${bar.width * 100}%`, height: `${bar.height * 100}%` }} />
            ))}
          </div>
          <table class="buckets">
            <tbody>
              {bucketBars(value, axis.value).map((bar) => (
                <tr>
                  <td>{bar.text}</td>
                  <td class="value">{bar.count}</td>
                </tr>
              ))}
            </tbody>
          </table>
        </>
      )}
    </div>
  );
}

export function ResultTable({ data }: { data: QueryData }) {
  if (data.resultType === "scalar" || data.resultType === "string") {
    return (
      <table class="result">
        <tbody>
          <tr>
            <td>{data.resultType}</td>
            <td class="value">{data.result[1]}</td>
          </tr>
        </tbody>
      </table>
    );
  }
  if (data.result.length === 0) return <p class="hint">The result is empty: no series matches at this time.</p>;
  const local = useLocalTime.value;
  return (
    <Growing<VectorElement | MatrixElement>
      items={data.result}
      atOnce={ROWS_AT_ONCE}
      draw={(list) => (
        <table class="result">
          <tbody>
            {list.map((element) => (
              <tr>
                <td>
                  <SeriesName metric={element.metric} />
                </td>
                <td class="value">{"value" in element || "histogram" in element ? <Latest element={element} /> : <Samples element={element as MatrixElement} local={local} />}</td>
              </tr>
            ))}
          </tbody>
        </table>
      )}
    />
  );
}

function Latest({ element }: { element: VectorElement }) {
  return element.value ? <>{element.value[1]}</> : <Histogram value={element.histogram![1]} />;
}

function Samples({ element, local }: { element: MatrixElement; local: boolean }) {
  return (
    <>
      {element.values?.map(([t, v]) => (
        <div>
          {v} <span class="at">@ {formatTime(t * 1000, local)}</span>
        </div>
      ))}
      {element.histograms?.map(([t, h]) => (
        <div>
          <Histogram value={h} /> <span class="at">@ {formatTime(t * 1000, local)}</span>
        </div>
      ))}
    </>
  );
}
