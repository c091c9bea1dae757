// The settings of this browser, and the keys the page listens to.

import type { Signal } from "@preact/signals";
import { pageUrl } from "../api";
import * as settings from "../shared/settings";
import { PAGES } from "../shared/pages";
import { Choice, Dialog } from "../shared/widgets";

const SWITCHES: [Signal<boolean>, string][] = [
  [settings.enableQueryHistory, "Remember the queries that were run"],
  [settings.enableAutocomplete, "Complete while typing"],
  [settings.enableSyntaxHighlighting, "Colour expressions"],
  [settings.enableLinter, "Mark mistakes in expressions"],
  [settings.showQueryWarnings, "Show warnings of queries"],
  [settings.showQueryInfoNotices, "Show notices of queries"],
];

export function SettingsDialog({ close }: { close: () => void }) {
  return (
    <Dialog title="Settings" close={close}>
      <div class="setting">
        Theme
        <Choice label="Theme" options={[["auto", "System"], ["light", "Light"], ["dark", "Dark"]]} value={settings.theme.value} set={(value) => (settings.theme.value = value)} />
      </div>
      <div class="setting">
        Times
        <Choice label="Times" options={[["utc", "UTC"], ["local", "Local"]]} value={settings.useLocalTime.value ? "local" : "utc"} set={(value) => (settings.useLocalTime.value = value === "local")} />
      </div>
      {SWITCHES.map(([signal, text]) => (
        <label class="check setting">
          {text}
          <input type="checkbox" checked={signal.value} onChange={(e) => (signal.value = e.currentTarget.checked)} />
        </label>
      ))}
      <h3>Keys</h3>
      <dl class="keys">
        <dt>
          <kbd>/</kbd>
        </dt>
        <dd>to the expression or the filter</dd>
        <dt>
          <kbd>?</kbd>
        </dt>
        <dd>this window</dd>
        {PAGES.filter((page) => !page.needsRules).map((page) => (
          <>
            <dt>
              <kbd>g</kbd> <kbd>{page.key}</kbd>
            </dt>
            <dd>{page.title}</dd>
          </>
        ))}
      </dl>
      <p class="hint">
        <a href="https://prometheus.io/docs/" target="_blank" rel="noreferrer">
          Documentation
        </a>{" "}
        ·{" "}
        <a href={pageUrl("assets/third-party-licenses.txt")} target="_blank" rel="noreferrer">
          Licences of what this page is made of
        </a>
      </p>
    </Dialog>
  );
}
