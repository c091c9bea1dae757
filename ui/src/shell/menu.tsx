// A menu under a button, for the keyboard as well: arrows move, letters find, Escape leaves.

import { useSignal } from "@preact/signals";
import type { ComponentChildren } from "preact";
import { useLayoutEffect, useRef } from "preact/hooks";

interface Props {
  label: ComponentChildren;
  title?: string;
  class?: string;
  /** The entries: elements with `role="menuitem"`. */
  children: ComponentChildren;
}

export function Menu(props: Props) {
  const open = useSignal(false);
  const box = useRef<HTMLDivElement>(null);
  const items = () => [...box.current!.querySelectorAll<HTMLElement>("[role^=menuitem]")];

  useLayoutEffect(() => {
    if (!open.value) return;
    items()[0]?.focus();
    const outside = (event: Event) => {
      if (!box.current?.contains(event.target as Node)) open.value = false;
    };
    document.addEventListener("pointerdown", outside);
    return () => document.removeEventListener("pointerdown", outside);
  }, [open.value]);

  const close = () => {
    open.value = false;
    box.current?.querySelector("button")?.focus();
  };
  const onKeyDown = (event: KeyboardEvent) => {
    if (!open.value) {
      if (event.key === "ArrowDown") {
        open.value = true;
        event.preventDefault();
      }
      return;
    }
    const all = items();
    const at = all.indexOf(document.activeElement as HTMLElement);
    const move = (to: number) => all[(to + all.length) % all.length]?.focus();
    if (event.key === "Escape") close();
    else if (event.key === "ArrowDown") move(at + 1);
    else if (event.key === "ArrowUp") move(at - 1);
    else if (event.key === "Home") move(0);
    else if (event.key === "End") move(-1);
    else if (event.key === "Tab") {
      open.value = false;
      return;
    } else if (event.key.length === 1 && event.key !== " " && !event.ctrlKey && !event.metaKey) {
      const later = [...all.slice(at + 1), ...all.slice(0, at + 1)];
      later.find((item) => item.textContent!.trim().toLowerCase().startsWith(event.key.toLowerCase()))?.focus();
    } else return;
    event.preventDefault();
    event.stopPropagation();
  };

  return (
    <div class="menu" ref={box} onKeyDown={onKeyDown}>
      <button class={props.class ?? "quiet"} aria-haspopup="menu" aria-expanded={open.value} title={props.title} aria-label={props.title} onClick={() => (open.value = !open.value)}>
        {props.label}
      </button>
      {open.value && (
        <div role="menu" onClick={(e) => (e.target as HTMLElement).closest("[role^=menuitem]") && close()}>
          {props.children}
        </div>
      )}
    </div>
  );
}

export function MenuButton(props: { onClick: () => void; children: ComponentChildren }) {
  return (
    <button role="menuitem" tabIndex={-1} onClick={props.onClick}>
      {props.children}
    </button>
  );
}
