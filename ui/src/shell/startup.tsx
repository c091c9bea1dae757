// Instead of a page while the server does not answer: it starts, or stops.

import { useSignal } from "@preact/signals";
import { useEffect } from "preact/hooks";
import { checkReady, unready, walReplay } from "../api";
import { loadFeatures } from "./features";

const POLL_MS = 1_000;

/** How much of the log is read, from 0 to 1; null before it is known. */
export function progress(replay: { min: number; max: number; current: number } | null): number | null {
  if (!replay || replay.max <= 0) return null;
  const all = replay.max - replay.min + 1;
  return Math.min(1, Math.max(0, (replay.current - replay.min + 1) / all));
}

export function StartupView() {
  const replay = useSignal<{ min: number; max: number; current: number } | null>(null);
  useEffect(() => {
    let timer: ReturnType<typeof setTimeout>;
    let over = false;
    const poll = async () => {
      try {
        if (await checkReady()) return void loadFeatures();
        replay.value = (await walReplay()).data;
      } catch {
        // It may not listen yet, or no longer: the next second tells.
      }
      if (!over) timer = setTimeout(poll, POLL_MS);
    };
    void poll();
    return () => {
      over = true;
      clearTimeout(timer);
    };
  }, []);

  if (unready.value === "stopping") {
    return (
      <section class="card startup" role="status">
        <h1>Narthex is shutting down …</h1>
        <p class="hint">This page comes back when it runs again.</p>
      </section>
    );
  }
  const done = progress(replay.value);
  return (
    <section class="card startup" role="status">
      <h1>Narthex is starting up …</h1>
      {done === null ? (
        <progress aria-label="Start-up" />
      ) : (
        <>
          <progress aria-label="Replay of the write-ahead log" value={done} />
          <p class="hint">
            Replaying the write-ahead log: segment {replay.value!.current} of {replay.value!.min}–{replay.value!.max}, {Math.floor(done * 100)} %
          </p>
        </>
      )}
    </section>
  );
}
