// One scrape pool: a section that folds, remembered by its name.

import { useSignal, type Signal } from "@preact/signals";
import type { ComponentChildren } from "preact";
import { poolConfig } from "../api";
import { useLoad } from "./load";
import { CopyButton, Dialog, ErrorNote } from "./widgets";
import { Yaml } from "./yaml";

/** With more pools than this, only one is loaded at first. */
export const POOLS_AT_ONCE = 20;

export function PoolChoice(props: { names: string[]; value: string; set: (name: string) => void }) {
  if (props.names.length < 2) return null;
  return (
    <select aria-label="Scrape pool" value={props.value} onChange={(e) => props.set(e.currentTarget.value)}>
      {props.names.length <= POOLS_AT_ONCE && <option value="">All pools</option>}
      {props.names.map((name) => (
        <option value={name}>{name}</option>
      ))}
    </select>
  );
}

interface Props {
  name: string;
  /** The names of folded pools. */
  collapsed: Signal<string[]>;
  badge: ComponentChildren;
  children: ComponentChildren;
}

export function PoolCard({ name, collapsed, badge, children }: Props) {
  const open = !collapsed.value.includes(name);
  const config = useSignal(false);
  return (
    <section class="card pool" id={`pool-${name}`}>
      <div class="row">
        <button
          class="quiet fold"
          aria-expanded={open}
          onClick={() => (collapsed.value = open ? [...collapsed.value, name] : collapsed.value.filter((other) => other !== name))}
        >
          <span class="arrow">{open ? "▾" : "▸"}</span> <b>{name}</b> {badge}
        </button>
        {!configMissing && (
          <button class="quiet small" onClick={() => (config.value = true)}>
            Show config
          </button>
        )}
      </div>
      {open && children}
      {config.value && <ConfigDialog pool={name} close={() => (config.value = false)} />}
    </section>
  );
}

/** Whether this server turned out to have no configurations of pools. */
let configMissing = false;

function ConfigDialog({ pool, close }: { pool: string; close: () => void }) {
  const { data, error, missing } = useLoad((signal) => poolConfig(pool, signal), [pool]);
  if (missing.value) configMissing = true;
  return (
    <Dialog title={`Configuration of ${pool}`} close={close} wide>
      <ErrorNote text={missing.value ? "This server does not tell the configuration of one pool; see Status › Configuration." : error.value} />
      {data.value && (
        <>
          <CopyButton text={data.value.yaml} />
          <Yaml text={data.value.yaml} />
        </>
      )}
    </Dialog>
  );
}
