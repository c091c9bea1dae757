// Views that are loaded when they are first shown.

import { signal } from "@preact/signals";
import type { ComponentType } from "preact";
import { useEffect } from "preact/hooks";
import { ErrorNote } from "./widgets";

/** A view in the place of another, whose code `load` fetches once. */
export function lazyView<P extends object>(load: () => Promise<ComponentType<P>>): ComponentType<P> {
  const loaded = signal<{ view: ComponentType<P> } | { error: string } | null>(null);
  const fetchOnce = () => {
    if (loaded.peek() && !("error" in loaded.peek()!)) return;
    load().then(
      (view) => (loaded.value = { view }),
      (e: Error) => (loaded.value = { error: `A part of this page could not be loaded: ${e.message}` }),
    );
  };
  return function Lazy(props: P) {
    useEffect(fetchOnce, []);
    const now = loaded.value;
    if (now === null) return null;
    if ("error" in now) return <ErrorNote text={now.error} />;
    return <now.view {...props} />;
  };
}
