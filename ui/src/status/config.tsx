// The configuration in force.

import { config } from "../api";
import { useLoad } from "../shared/load";
import { CopyButton, ErrorNote } from "../shared/widgets";
import { Yaml } from "../shared/yaml";

export function ConfigPage() {
  const { data, error } = useLoad(config);
  return (
    <div class="stack">
      <div class="row">
        <h1>Configuration</h1>
        {data.value && <CopyButton text={data.value.yaml} />}
      </div>
      <ErrorNote text={error.value} />
      {data.value && (
        <section class="card">
          <Yaml text={data.value.yaml} />
        </section>
      )}
    </div>
  );
}
