// The shell: header, navigation, and the page that the address names.

import { useSignal } from "@preact/signals";
import { useEffect } from "preact/hooks";
import { pageUrl, unready } from "./api";
import { QueryPage } from "./query/page";
import { features, hasRules, loadFeatures } from "./shell/features";
import { listenForKeys } from "./shell/keys";
import { LazyPage } from "./shell/lazy";
import { Menu } from "./shell/menu";
import { NotificationBanner } from "./shell/notifications";
import { follow, go, page } from "./shell/router";
import { SettingsDialog } from "./shell/settings";
import { StartupView } from "./shell/startup";
import { PAGES, type PageInfo } from "./shared/pages";
import { theme, useLocalTime, type Theme } from "./shared/settings";
import { TargetsPage } from "./targets/page";

const THEMES: [Theme, string, string][] = [
  ["auto", "◐", "Theme: as the system"],
  ["light", "☀", "Theme: light"],
  ["dark", "☾", "Theme: dark"],
];

function ThemeButton() {
  const at = Math.max(0, THEMES.findIndex(([name]) => name === theme.value));
  const [, sign, title] = THEMES[at]!;
  return (
    <button class="quiet icon" title={title} aria-label={title} onClick={() => (theme.value = THEMES[(at + 1) % THEMES.length]![0])}>
      {sign}
    </button>
  );
}

function PageLink({ to, text, role }: { to: PageInfo; text?: string; role?: "menuitem" }) {
  return (
    <a role={role} tabIndex={role ? -1 : undefined} href={pageUrl(to.name)} onClick={follow} aria-current={page.value === to ? "page" : undefined}>
      {text ?? to.title}
      {role && <kbd>g {to.key}</kbd>}
    </a>
  );
}

function Navigation() {
  const offered = PAGES.filter((p) => !p.needsRules || hasRules());
  const targets = PAGES.find((p) => p.name === "targets")!;
  const inMenu = offered.find((p) => p === page.value && p.group && p !== targets);
  return (
    <nav>
      {offered.filter((p) => !p.group).map((p) => (
        <PageLink key={p.name} to={p} />
      ))}
      {/* On a phone there is room for it, or for alerts. */}
      <span class={hasRules() ? "wide-only" : "plain"}>
        <PageLink to={targets} text="Targets" />
      </span>
      <Menu
        class={inMenu ? "quiet current" : "quiet"}
        label={
          <>
            Status<span class="wide-only">{inMenu ? ` › ${inMenu.title}` : ""}</span> ▾
          </>
        }
      >
        {(["Monitoring", "Server"] as const).map((group) => (
          <div role="group" aria-label={group}>
            <div class="menu-title">{group}</div>
            {offered.filter((p) => p.group === group).map((p) => (
              <PageLink key={p.name} to={p} role="menuitem" />
            ))}
          </div>
        ))}
      </Menu>
    </nav>
  );
}

export function App() {
  const settings = useSignal(false);
  useEffect(() => void loadFeatures(), []);
  useEffect(() => listenForKeys({ open: (to) => (!to.needsRules || hasRules()) && go(pageUrl(to.name)), settings: () => (settings.value = true) }), []);
  const { name, title } = page.value;
  document.title = `${title} · Narthex`;
  // Read here, so that pages see what the server can do as soon as it says so.
  void features.value;
  return (
    <>
      <a class="skip" href="#main">
        Skip to the page
      </a>
      <header>
        <a class="brand" href={pageUrl("query")} onClick={follow} aria-label="Narthex">
          <img src={pageUrl("favicon.svg")} alt="" width="26" height="26" />
          <span class="wide-only">Narthex</span>
        </a>
        <Navigation />
        <button class="quiet wide-only" title="Which time zone times are shown in" onClick={() => (useLocalTime.value = !useLocalTime.value)}>
          {useLocalTime.value ? "Local time" : "UTC"}
        </button>
        <ThemeButton />
        <button class="quiet icon" title="Settings and keys (?)" aria-label="Settings" onClick={() => (settings.value = true)}>
          ⚙
        </button>
      </header>
      {settings.value && <SettingsDialog close={() => (settings.value = false)} />}
      <main id="main" tabIndex={-1}>
        {unready.value ? (
          <StartupView />
        ) : (
          <>
            <NotificationBanner />
            {name === "query" ? <QueryPage /> : name === "targets" ? <TargetsPage /> : <LazyPage name={name} />}
          </>
        )}
      </main>
    </>
  );
}
