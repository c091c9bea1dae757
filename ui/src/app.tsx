// The shell: header, navigation, and the page that the address names.

import { computed, signal } from "@preact/signals";
import { pageUrl } from "./api";
import { QueryPage } from "./query/page";
import { theme, useLocalTime, type Theme } from "./shared/settings";
import { TargetsPage } from "./targets/page";

const path = signal(location.pathname);
addEventListener("popstate", () => (path.value = location.pathname));

const page = computed(() => (/\/targets\/?$/.test(path.value) ? "targets" : "query"));

/** Follows a link within the page, unless the reader asked for a new tab. */
function follow(event: MouseEvent) {
  if (event.metaKey || event.ctrlKey || event.shiftKey || event.button !== 0) return;
  event.preventDefault();
  history.pushState(null, "", (event.currentTarget as HTMLAnchorElement).href);
  path.value = location.pathname;
}

const THEMES: [Theme, string][] = [
  ["auto", "Theme: as the system"],
  ["light", "Theme: light"],
  ["dark", "Theme: dark"],
];

function ThemeButton() {
  const at = THEMES.findIndex(([name]) => name === theme.value);
  const [name, title] = THEMES[at < 0 ? 0 : at]!;
  return (
    <button class="quiet" title={title} aria-label={title} onClick={() => (theme.value = THEMES[(at + 1) % THEMES.length]![0])}>
      {name === "auto" ? "◐" : name === "light" ? "☀" : "☾"}
    </button>
  );
}

function Link(props: { to: "query" | "targets"; children: string }) {
  return (
    <a href={pageUrl(props.to)} onClick={follow} aria-current={page.value === props.to ? "page" : undefined}>
      {props.children}
    </a>
  );
}

export function App() {
  document.title = page.value === "targets" ? "Targets · Narthex" : "Query · Narthex";
  return (
    <>
      <header>
        <a class="brand" href={pageUrl("query")} onClick={follow}>
          <img src={pageUrl("favicon.svg")} alt="" width="26" height="26" />
          Narthex
        </a>
        <nav>
          <Link to="query">Query</Link>
          <Link to="targets">Targets</Link>
        </nav>
        <button class="quiet" title="Which time zone times are shown in" onClick={() => (useLocalTime.value = !useLocalTime.value)}>
          {useLocalTime.value ? "Local time" : "UTC"}
        </button>
        <ThemeButton />
      </header>
      <main>{page.value === "targets" ? <TargetsPage /> : <QueryPage />}</main>
    </>
  );
}
