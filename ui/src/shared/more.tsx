// Long lists: some at first, more as the reader gets there.

import { useSignal } from "@preact/signals";
import type { ComponentChildren } from "preact";
import { useEffect, useRef } from "preact/hooks";

/** How many entries are drawn at once. */
const AT_ONCE = 50;

/** Draws the first of `items` with `draw`, and more when its end is scrolled into view. */
export function Growing<T>(props: { items: T[]; draw: (items: T[]) => ComponentChildren; atOnce?: number }) {
  const { items, draw, atOnce = AT_ONCE } = props;
  const shown = useSignal(atOnce);
  const end = useRef<HTMLButtonElement>(null);
  useEffect(() => {
    if (!end.current) return;
    const observer = new IntersectionObserver((entries) => {
      if (entries.some((entry) => entry.isIntersecting)) shown.value += atOnce;
    });
    observer.observe(end.current);
    return () => observer.disconnect();
  }, [shown.value, items.length > shown.value]);
  return (
    <>
      {draw(items.slice(0, shown.value))}
      {items.length > shown.value && (
        <button ref={end} onClick={() => (shown.value += atOnce)}>
          Show more ({items.length - shown.value} left)
        </button>
      )}
    </>
  );
}
