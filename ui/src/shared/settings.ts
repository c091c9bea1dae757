// What the reader chose for this browser. Keys are those of Prometheus' page.

import { effect, signal } from "@preact/signals";

/** A signal that lives in this browser's storage as JSON. */
export function stored<T>(key: string, fallback: T) {
  let initial = fallback;
  try {
    const text = localStorage.getItem(key);
    if (text !== null) initial = JSON.parse(text) as T;
  } catch {
    // Storage may be blocked, or hold something else: the default is as good.
  }
  const value = signal(initial);
  effect(() => {
    try {
      localStorage.setItem(key, JSON.stringify(value.value));
    } catch {
      // The choice then lasts as long as the page.
    }
  });
  return value;
}

export type Theme = "auto" | "light" | "dark";

export const theme = stored<Theme>("mantine-color-scheme-value", "auto");
export const useLocalTime = stored("settings.useLocalTime", false);
export const enableQueryHistory = stored("settings.enableQueryHistory", false);
export const enableAutocomplete = stored("settings.enableAutocomplete", true);
export const enableSyntaxHighlighting = stored("settings.enableSyntaxHighlighting", true);
export const enableLinter = stored("settings.enableLinter", true);
export const showQueryWarnings = stored("settings.showQueryWarnings", true);
export const showQueryInfoNotices = stored("settings.showQueryInfoNotices", true);

const systemDark = matchMedia("(prefers-color-scheme: dark)");
const prefersDark = signal(systemDark.matches);
systemDark.addEventListener("change", () => (prefersDark.value = systemDark.matches));

/** Whether the page is dark now. Read it where colours are drawn by hand. */
export function isDark(): boolean {
  return theme.value === "dark" || (theme.value === "auto" && prefersDark.value);
}

effect(() => {
  document.documentElement.dataset.theme = isDark() ? "dark" : "light";
});
