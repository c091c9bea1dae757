// The result of an instant query.

import { useSignal } from "@preact/signals";
import type { HistogramValue, QueryData } from "../api";
import { formatTime } from "../shared/duration";
import { labelPairs, type LabelMap } from "../shared/format";
import { useLocalTime } from "../shared/settings";

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
          <span class="label-name">{name}</span>="<span class="label-value">{value}</span>"
        </>
      ))}
      {(pairs.length > 0 || !metric.__name__) && "}"}
    </span>
  );
}

function Histogram({ value }: { value: HistogramValue }) {
  return (
    <details>
      <summary>
        count {value.count}, sum {value.sum}
      </summary>
      <table class="buckets">
        {value.buckets?.map(([kind, low, high, count]) => (
          <tr>
            <td>
              {kind === 1 || kind === 3 ? "[" : "("}
              {low}, {high}
              {kind === 0 || kind === 3 ? "]" : ")"}
            </td>
            <td class="value">{count}</td>
          </tr>
        ))}
      </table>
    </details>
  );
}

export function ResultTable({ data }: { data: QueryData }) {
  const shown = useSignal(ROWS_AT_ONCE);
  if (data.resultType === "scalar" || data.resultType === "string") {
    return (
      <table class="result">
        <tr>
          <td>{data.resultType}</td>
          <td class="value">{data.result[1]}</td>
        </tr>
      </table>
    );
  }
  if (data.result.length === 0) return <p class="hint">The result is empty: no series matches at this time.</p>;
  const rows =
    data.resultType === "vector"
      ? data.result.slice(0, shown.value).map(({ metric, value, histogram }) => ({ metric, cell: value ? value[1] : <Histogram value={histogram![1]} /> }))
      : data.result.slice(0, shown.value).map(({ metric, values, histograms }) => ({
          metric,
          cell: (
            <>
              {values?.map(([t, v]) => (
                <div>
                  {v} <span class="at">@ {formatTime(t * 1000, useLocalTime.value)}</span>
                </div>
              ))}
              {histograms?.map(([t, h]) => (
                <div>
                  <Histogram value={h} /> <span class="at">@ {formatTime(t * 1000, useLocalTime.value)}</span>
                </div>
              ))}
            </>
          ),
        }));
  return (
    <>
      <table class="result">
        <tbody>
          {rows.map(({ metric, cell }) => (
            <tr>
              <td>
                <SeriesName metric={metric} />
              </td>
              <td class="value">{cell}</td>
            </tr>
          ))}
        </tbody>
      </table>
      {data.result.length > shown.value && (
        <button onClick={() => (shown.value += ROWS_AT_ONCE)}>
          Show more ({data.result.length - shown.value} left)
        </button>
      )}
    </>
  );
}
