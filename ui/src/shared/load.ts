// Loading what a page shows.

import { useSignal, type Signal } from "@preact/signals";
import { useEffect } from "preact/hooks";
import { ApiError, unready, type Answer } from "../api";

export interface Loaded<T> {
  /** Null until the first answer. */
  data: Signal<T | null>;
  /** What went wrong last, or nothing. */
  error: Signal<string>;
  /** The server has no such endpoint. */
  missing: Signal<boolean>;
}

/** Loads when first shown, when `inputs` change and, if asked to, every `refreshMs`. */
export function useLoad<T>(load: (signal: AbortSignal) => Promise<Answer<T>>, inputs: unknown[] = [], refreshMs?: number): Loaded<T> {
  const data = useSignal<T | null>(null);
  const error = useSignal("");
  const missing = useSignal(false);
  useEffect(() => {
    const abort = new AbortController();
    let timer: ReturnType<typeof setTimeout> | undefined;
    const again = () => {
      if (refreshMs !== undefined && !abort.signal.aborted && !missing.value) timer = setTimeout(run, refreshMs);
    };
    const run = () => {
      // A hidden tab asks for nothing.
      if (document.hidden && data.value !== null) return again();
      load(abort.signal)
        .then((answer) => {
          if (abort.signal.aborted) return;
          data.value = answer.data;
          error.value = "";
        })
        .catch((e: Error) => {
          if (abort.signal.aborted) return;
          missing.value = e instanceof ApiError && e.type === "missing";
          error.value = e.message;
        })
        .finally(again);
    };
    run();
    return () => {
      abort.abort();
      clearTimeout(timer);
    };
    // Once the server is ready again, what it refused is asked for again.
  }, [...inputs, unready.value]);
  return { data, error, missing };
}
