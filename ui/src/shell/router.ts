// Which page is open.

import { computed, signal } from "@preact/signals";
import { pageAt } from "../shared/pages";

const path = signal(location.pathname);
const listeners: ((byHistory: boolean) => void)[] = [];

export const page = computed(() => pageAt(path.value));

function arrive(byHistory: boolean) {
  path.value = location.pathname;
  for (const listener of listeners) listener(byHistory);
}
addEventListener("popstate", () => arrive(true));

/** Calls `listener` whenever the address has changed: by a link, or by going back or forth. */
export function onArrival(listener: (byHistory: boolean) => void) {
  listeners.push(listener);
}

/** Goes to an address of this interface. */
export function go(href: string) {
  history.pushState(null, "", href);
  arrive(false);
  scrollTo(0, 0);
}

/** Follows a link within the page, unless the reader asked for a new tab. */
export function follow(event: MouseEvent) {
  if (event.metaKey || event.ctrlKey || event.shiftKey || event.button !== 0) return;
  event.preventDefault();
  go((event.currentTarget as HTMLAnchorElement).href);
}
