// Small things that several pages show.

import { useSignal } from "@preact/signals";
import type { ComponentChildren } from "preact";
import { labelPairs, type LabelMap } from "./format";

/** Each label as a chip; `marked` ones stand out. */
export function LabelList({ labels, marked }: { labels: LabelMap; marked?: (name: string) => boolean }) {
  return (
    <>
      {labelPairs(labels).map(([name, value]) => (
        <span class={marked?.(name) ? "chip marked" : "chip"}>
          <span class="label-name">{name}</span>="<span class="label-value">{value}</span>"
        </span>
      ))}
    </>
  );
}

export function ErrorNote({ text }: { text: string }) {
  return text ? (
    <pre class="note error" role="alert">
      {text}
    </pre>
  ) : null;
}

/** Puts a text on the clipboard, also where pages without TLS may not use it directly. */
export async function copyText(text: string) {
  try {
    await navigator.clipboard.writeText(text);
  } catch {
    const area = document.createElement("textarea");
    area.value = text;
    document.body.append(area);
    area.select();
    document.execCommand("copy");
    area.remove();
  }
}

export function CopyButton({ text, children = "Copy" }: { text: string; children?: ComponentChildren }) {
  const done = useSignal(false);
  return (
    <button
      onClick={() =>
        void copyText(text).then(() => {
          done.value = true;
          setTimeout(() => (done.value = false), 1_500);
        })
      }
    >
      {done.value ? "Copied ✓" : children}
    </button>
  );
}

/** The field that filters a page's list; `/` leads to it. */
export function FilterField(props: { label: string; placeholder: string; value: string; set: (text: string) => void }) {
  return (
    <input
      class="grow"
      type="search"
      data-slash
      aria-label={props.label}
      placeholder={props.placeholder}
      value={props.value}
      onInput={(e) => props.set(e.currentTarget.value)}
      onKeyDown={(e) => e.key === "Escape" && e.currentTarget.blur()}
    />
  );
}

/** One choice out of a few. */
export function Choice<T extends string>(props: { label: string; options: [T, ComponentChildren][]; value: T; set: (value: T) => void }) {
  return (
    <div class="tabs" role="group" aria-label={props.label}>
      {props.options.map(([value, text]) => (
        <button aria-pressed={props.value === value} onClick={() => props.set(value)}>
          {text}
        </button>
      ))}
    </div>
  );
}

/** A window above the page: Escape and a click beside it close it. */
export function Dialog(props: { title: string; close: () => void; wide?: boolean; children: ComponentChildren }) {
  return (
    <dialog
      class={props.wide ? "wide" : ""}
      aria-label={props.title}
      ref={(element) => {
        if (element && !element.open) element.showModal();
      }}
      onClose={props.close}
      onClick={(e) => e.target === e.currentTarget && e.currentTarget.close()}
    >
      <div class="row">
        <h2>{props.title}</h2>
        <button class="quiet" aria-label="Close" onClick={props.close}>
          ✕
        </button>
      </div>
      {props.children}
    </dialog>
  );
}
