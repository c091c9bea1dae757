// The command-line flags and their values.

import { useSignal } from "@preact/signals";
import { status } from "../api";
import { useLoad } from "../shared/load";
import { readParam, writeParams } from "../shared/search";
import { ErrorNote, FilterField } from "../shared/widgets";
import { flagRows } from "./view";

export function FlagsPage() {
  const { data, error } = useLoad((signal) => status("flags", signal));
  const filter = useSignal(readParam("search"));
  const order = useSignal<{ by: "name" | "value"; descending: boolean }>({ by: "name", descending: false });
  const { by, descending } = order.value;
  const rows = flagRows(data.value ?? {}, filter.value, by, descending);

  const heading = (column: "name" | "value", text: string) => (
    <th aria-sort={by !== column ? "none" : descending ? "descending" : "ascending"}>
      <button class="quiet" onClick={() => (order.value = { by: column, descending: by === column && !descending })}>
        {text} {by !== column ? "" : descending ? "↓" : "↑"}
      </button>
    </th>
  );
  return (
    <div class="stack">
      <h1>Command-line flags</h1>
      <div class="row controls">
        <FilterField
          label="Filter flags"
          placeholder="Filter by name or value"
          value={filter.value}
          set={(text) => {
            filter.value = text;
            writeParams({ search: text });
          }}
        />
        <span class="summary">{data.value && `${rows.length} flags`}</span>
      </div>
      <ErrorNote text={error.value} />
      {data.value && (
        <section class="card">
          <table class="pairs mono">
            <thead>
              <tr>
                {heading("name", "Flag")}
                {heading("value", "Value")}
              </tr>
            </thead>
            <tbody>
              {rows.map(([name, value]) => (
                <tr key={name}>
                  <th scope="row">{name}</th>
                  <td>{value === "" ? <span class="at">(empty)</span> : value}</td>
                </tr>
              ))}
            </tbody>
          </table>
          {rows.length === 0 && <p class="hint">No flag matches.</p>}
        </section>
      )}
    </div>
  );
}
