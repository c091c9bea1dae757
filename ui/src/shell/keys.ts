// Keys that work on every page, unless something is being typed.

import { PAGES, type PageInfo } from "../shared/pages";

/** How long `g` waits for the second key. */
const SECOND_KEY_MS = 1_500;

/** Listens; returns what ends it. */
export function listenForKeys(on: { open: (page: PageInfo) => void; settings: () => void }): () => void {
  let wentAt = -Infinity;
  const handle = (event: KeyboardEvent) => {
    const target = event.target as HTMLElement;
    if (event.ctrlKey || event.metaKey || event.altKey || target.isContentEditable || /^(INPUT|TEXTAREA|SELECT|DIALOG)$/.test(target.tagName)) return;
    const second = event.timeStamp - wentAt < SECOND_KEY_MS;
    wentAt = event.key === "g" ? event.timeStamp : -Infinity;
    const page = second && PAGES.find((p) => p.key === event.key);
    if (page) on.open(page);
    else if (event.key === "?") on.settings();
    else if (event.key === "/") document.querySelector<HTMLElement>("main [data-slash]:not([hidden]), main .cm-content")?.focus();
    else return;
    event.preventDefault();
  };
  document.addEventListener("keydown", handle);
  return () => document.removeEventListener("keydown", handle);
}
