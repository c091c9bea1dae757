// The Alertmanagers that alerts go to.

import { alertmanagers } from "../api";
import { useLoad } from "../shared/load";
import { ErrorNote } from "../shared/widgets";

export function AlertmanagersPage() {
  const { data, error } = useLoad(alertmanagers);
  const list = (title: string, urls: { url: string }[]) => (
    <section class="card">
      <h2>
        {title} <span class="badge">{urls.length}</span>
      </h2>
      <ul class="plain">
        {urls.map(({ url }) => (
          <li>
            <code>{url}</code>
          </li>
        ))}
      </ul>
    </section>
  );
  return (
    <div class="stack">
      <h1>Alertmanager discovery</h1>
      <ErrorNote text={error.value} />
      {data.value && list("Active", data.value.activeAlertmanagers)}
      {data.value && list("Dropped", data.value.droppedAlertmanagers)}
    </div>
  );
}
