// Runtime and build information.

import { status } from "../api";
import { useLoad } from "../shared/load";
import { useLocalTime } from "../shared/settings";
import { ErrorNote } from "../shared/widgets";
import { NameValueTable } from "./table";
import { buildRows, runtimeRows } from "./view";

export function RuntimePage() {
  const build = useLoad((signal) => status("buildinfo", signal));
  const runtime = useLoad((signal) => status("runtimeinfo", signal));
  return (
    <div class="stack">
      <h1>Runtime &amp; build information</h1>
      <ErrorNote text={build.error.value || runtime.error.value} />
      <div class="columns">
        {runtime.data.value && (
          <section class="card">
            <h2>Runtime</h2>
            <NameValueTable rows={runtimeRows(runtime.data.value, useLocalTime.value)} />
          </section>
        )}
        {build.data.value && (
          <section class="card">
            <h2>Build</h2>
            <NameValueTable rows={buildRows(build.data.value)} />
          </section>
        )}
      </div>
    </div>
  );
}
