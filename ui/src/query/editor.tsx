// The expression field. It starts as a plain text area, so that the page is
// usable at once; when it is first entered, CodeMirror with PromQL's completion
// and linting is loaded and takes its place, caret and focus included.

import { effect, type Signal } from "@preact/signals";
import { useEffect, useRef } from "preact/hooks";
import type { RichEditor } from "./codemirror";

interface Props {
  text: Signal<string>;
  onExecute: () => void;
  /** Where the way to insert text at the caret is put. */
  insert: { current: (text: string) => void };
}

export function Editor(props: Props) {
  const area = useRef<HTMLTextAreaElement>(null);
  const box = useRef<HTMLDivElement>(null);
  const rich = useRef<RichEditor | null>(null);
  const loading = useRef(false);
  const latest = useRef(props);
  latest.current = props;

  const enrich = async () => {
    if (loading.current) return;
    loading.current = true;
    try {
      const { createEditor } = await import("./codemirror");
      const text = area.current;
      if (!text || !box.current) return;
      const focused = document.activeElement === text;
      rich.current = createEditor(box.current, props.text.peek(), text.selectionEnd, {
        change: (value) => (props.text.value = value),
        execute: () => latest.current.onExecute(),
      });
      text.hidden = true;
      if (focused) rich.current.focus();
    } catch {
      // Without the richer editor the plain one goes on working.
      loading.current = false;
    }
  };

  useEffect(() => () => rich.current?.destroy(), []);
  props.insert.current = (text) => {
    if (rich.current) return rich.current.insert(text);
    const { selectionStart = 0, selectionEnd = 0 } = area.current ?? {};
    const now = props.text.peek();
    props.text.value = now.slice(0, selectionStart) + text + now.slice(selectionEnd);
  };
  // Follows the signal, not renders: a render may lag behind the typing, and
  // would put an older text back.
  useEffect(
    () =>
      effect(() => {
        const text = props.text.value;
        rich.current?.setText(text);
      }),
    [],
  );

  return (
    <div class="editor" ref={box}>
      <textarea
        ref={area}
        data-slash
        aria-label="PromQL expression"
        placeholder="Expression (Enter to run)"
        rows={Math.min(12, props.text.value.split("\n").length)}
        spellcheck={false}
        value={props.text.value}
        onFocus={enrich}
        onInput={(e) => (props.text.value = e.currentTarget.value)}
        onKeyDown={(e) => {
          if (e.key === "Enter" && !e.shiftKey) {
            e.preventDefault();
            props.onExecute();
          }
        }}
      />
    </div>
  );
}
