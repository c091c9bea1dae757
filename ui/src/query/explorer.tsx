// The metrics explorer: find a metric by a few letters, see what it means and
// which labels it has.

import { useSignal } from "@preact/signals";
import { useMemo } from "preact/hooks";
import { labelValues, metadata, series } from "../api";
import { seriesText, type LabelMap } from "../shared/format";
import { useLoad } from "../shared/load";
import { Growing } from "../shared/more";
import { CopyButton, Dialog, ErrorNote } from "../shared/widgets";
import { fuzzyFilter } from "../shared/words";
import { countLabels, toMetrics, type Metric } from "./explorer-view";

/** Series looked at to tell the labels of a metric. */
const SERIES_MAX = 10_000;
/** Values of a label shown at first. */
const VALUES_AT_ONCE = 5;

interface Props {
  insert: (text: string) => void;
  close: () => void;
}

export function Explorer({ insert, close }: Props) {
  const names = useLoad((signal) => labelValues("__name__", signal));
  const described = useLoad(metadata);
  const pattern = useSignal("");
  const type = useSignal("");
  const opened = useSignal("");
  const all = useMemo(() => toMetrics(names.data.value ?? [], described.data.value ?? {}), [names.data.value, described.data.value]);
  const types = useMemo(() => [...new Set(all.map((metric) => metric.type).filter(Boolean))].sort(), [all]);
  const found = useMemo(
    () => fuzzyFilter(type.value ? all.filter((metric) => metric.type === type.value) : all, (metric) => metric.name, pattern.value),
    [all, pattern.value, type.value],
  );
  const use = (text: string) => {
    insert(text);
    close();
  };
  return (
    <Dialog title="Metrics" close={close} wide>
      <div class="row">
        <input
          class="grow"
          type="search"
          autofocus
          aria-label="Find a metric"
          placeholder="A few letters of the name"
          value={pattern.value}
          onInput={(e) => (pattern.value = e.currentTarget.value)}
          onKeyDown={(e) => e.key === "Enter" && found[0] && use(found[0].name)}
        />
        <select aria-label="Type" value={type.value} onChange={(e) => (type.value = e.currentTarget.value)}>
          <option value="">All types</option>
          {types.map((name) => (
            <option value={name}>{name}</option>
          ))}
        </select>
        <span class="summary">{found.length} metrics</span>
      </div>
      <ErrorNote text={names.error.value} />
      <Growing
        key={pattern.value + type.value}
        items={found}
        draw={(list) => (
          <ul class="metrics">
            {list.map((metric) => (
              <li key={metric.name}>
                <button class="quiet" aria-expanded={opened.value === metric.name} onClick={() => (opened.value = opened.value === metric.name ? "" : metric.name)}>
                  <code>{metric.name}</code> {metric.type && <span class="badge">{metric.type}</span>}
                  {metric.help && <span class="help">{metric.help}</span>}
                </button>
                {opened.value === metric.name && <MetricDetails metric={metric} use={use} />}
              </li>
            ))}
          </ul>
        )}
      />
    </Dialog>
  );
}

function MetricDetails({ metric, use }: { metric: Metric; use: (text: string) => void }) {
  const chosen = useSignal<LabelMap>({});
  const alphabetic = useSignal(false);
  const selector = seriesText({ __name__: metric.name, ...chosen.value });
  const { data, error } = useLoad((signal) => series(selector, SERIES_MAX, signal), [selector]);
  const labels = useMemo(() => {
    const list = countLabels(data.value ?? []);
    return alphabetic.value ? list.sort((a, b) => (a.label < b.label ? -1 : 1)) : list;
  }, [data.value, alphabetic.value]);
  const toggle = (label: string, value: string) => {
    const { [label]: now, ...others } = chosen.value;
    chosen.value = now === value ? others : { ...others, [label]: value };
  };
  return (
    <div class="metric-details">
      <div class="row">
        <code class="grow">{selector}</code>
        <button class="primary" onClick={() => use(selector)}>
          Insert
        </button>
        {metric.type === "counter" && <button onClick={() => use(`rate(${selector}[5m])`)}>Insert rate</button>}
        <CopyButton text={selector} />
      </div>
      <ErrorNote text={error.value} />
      {data.value && (
        <p class="hint">
          {data.value.length}
          {data.value.length >= SERIES_MAX ? " or more" : ""} series in the last hour{metric.unit && `, in ${metric.unit}`}. Labels by{" "}
          <button class="quiet small" onClick={() => (alphabetic.value = !alphabetic.value)}>
            {alphabetic.value ? "alphabet" : "number of values"}
          </button>
        </p>
      )}
      <table>
        <tbody>
          {labels.map(({ label, values }) => (
            <LabelRow key={label} label={label} values={values} chosen={chosen.value[label]} toggle={toggle} />
          ))}
        </tbody>
      </table>
    </div>
  );
}

function LabelRow(props: { label: string; values: [string, number][]; chosen?: string; toggle: (label: string, value: string) => void }) {
  const all = useSignal(false);
  const { label, values, chosen, toggle } = props;
  return (
    <tr>
      <th scope="row">
        <span class="label-name">{label}</span> <span class="at">{values.length}</span>
      </th>
      <td>
        {values.slice(0, all.value ? 200 : VALUES_AT_ONCE).map(([value, count]) => (
          <button class="chip" aria-pressed={chosen === value} title={`${count} series`} onClick={() => toggle(label, value)}>
            {value || "(empty)"}
          </button>
        ))}
        {values.length > VALUES_AT_ONCE && !all.value && (
          <button class="quiet small" onClick={() => (all.value = true)}>
            {values.length - VALUES_AT_ONCE} more
          </button>
        )}
      </td>
    </tr>
  );
}
