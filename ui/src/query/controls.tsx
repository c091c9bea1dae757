// The fields above a result: times, range, resolution, kind of drawing.

import { useSignal } from "@preact/signals";
import { useRef } from "preact/hooks";
import { formatDuration, formatField, parseDuration, parseField } from "../shared/duration";
import { useLocalTime } from "../shared/settings";
import { Choice } from "../shared/widgets";
import { hasExemplars } from "../shell/features";
import { DENSITIES, FIXED_STEPS, resolutionFor, stepFor, zoomedRange, type Density, type Panel } from "./state";

interface Props {
  panel: Panel;
  change: (by: Partial<Panel>) => void;
}

/** A text field that takes effect on Enter or when it is left, and goes back when it makes no sense. */
function Field(props: { label: string; value: string; placeholder?: string; width: string; set: (text: string) => boolean }) {
  const wrong = useSignal(false);
  const commit = (input: HTMLInputElement) => {
    wrong.value = input.value !== props.value && !props.set(input.value.trim());
  };
  return (
    <input
      key={props.value}
      aria-label={props.label}
      title={props.label}
      aria-invalid={wrong.value}
      style={{ width: props.width }}
      defaultValue={props.value}
      placeholder={props.placeholder}
      onBlur={(e) => commit(e.currentTarget)}
      onKeyDown={(e) => e.key === "Enter" && commit(e.currentTarget)}
    />
  );
}

/** A time with a calendar, and steps back and forth; empty is now. */
function TimeField(props: { label: string; ms: number | null; stepMs: number; set: (ms: number | null) => void }) {
  const { ms, set } = props;
  const picker = useRef<HTMLInputElement>(null);
  const local = useLocalTime.value;
  const text = ms === null ? "" : formatField(ms, local);
  const move = (by: number) => set(Math.round(((ms ?? Date.now()) + by) / 1_000) * 1_000);
  const read = (typed: string) => {
    const parsed = typed === "" ? null : parseField(typed, local);
    if (typed !== "" && parsed === null) return false;
    set(parsed);
    return true;
  };
  const pick = () => {
    const input = picker.current!;
    input.value = formatField(ms ?? Date.now(), local).replace(" ", "T");
    input.showPicker?.();
  };
  return (
    <span class="group">
      <button aria-label="Earlier" title="Earlier" onClick={() => move(-props.stepMs)}>
        ‹
      </button>
      <Field label={`${props.label} (${local ? "local" : "UTC"})`} width="11.5rem" placeholder={`now (${local ? "local" : "UTC"})`} value={text} set={read} />
      {ms !== null && (
        <button aria-label="Now" title="Back to now" onClick={() => set(null)}>
          ✕
        </button>
      )}
      <span class="calendar">
        <button aria-label="Choose a time" title="Choose a time" onClick={pick}>
          <svg viewBox="0 0 16 16" width="14" height="14" aria-hidden="true">
            <path d="M2 3.500h12v10.500H2zM2 6.500h12M5 1.500v3M11 1.500v3" fill="none" stroke="currentColor" stroke-width="1.300" />
          </svg>
        </button>
        <input ref={picker} type="datetime-local" step="1" tabIndex={-1} aria-hidden="true" onInput={(e) => e.currentTarget.value && read(withSeconds(e.currentTarget.value))} />
      </span>
      <button aria-label="Later" title="Later" onClick={() => move(props.stepMs)}>
        ›
      </button>
    </span>
  );
}

/** What a calendar field gives, in the form of {@link formatField}. */
function withSeconds(value: string): string {
  const text = value.replace("T", " ");
  return /:\d\d:\d\d/.test(text) ? text.slice(0, 19) : `${text}:00`;
}

export function MomentControl({ panel, change }: Props) {
  return <TimeField label="Evaluation time" ms={panel.momentMs} stepMs={panel.rangeMs / 2} set={(momentMs) => change({ momentMs })} />;
}

export function GraphControls({ panel, change, histograms }: Props & { histograms: boolean }) {
  return (
    <>
      <span class="group">
        <button aria-label="Shorter range" title="Shorter range" onClick={() => change({ rangeMs: zoomedRange(panel.rangeMs, -1) })}>
          −
        </button>
        <Field
          label="Range"
          width="4.5rem"
          value={formatDuration(panel.rangeMs)}
          set={(text) => {
            const ms = parseDuration(text);
            if (!ms) return false;
            change({ rangeMs: ms });
            return true;
          }}
        />
        <button aria-label="Longer range" title="Longer range" onClick={() => change({ rangeMs: zoomedRange(panel.rangeMs, 1) })}>
          +
        </button>
      </span>
      <TimeField label="End time" ms={panel.endMs} stepMs={panel.rangeMs / 2} set={(endMs) => change({ endMs })} />
      <ResolutionControl panel={panel} change={change} />
      <Choice
        label="Drawing"
        value={panel.display === "heatmap" && !histograms ? "lines" : panel.display}
        options={[["lines", "Lines"], ["stacked", "Stacked"], ...(histograms ? [["heatmap", "Heat map"] as ["heatmap", string]] : [])]}
        set={(display) => change({ display })}
      />
      {panel.display !== "heatmap" && (
        <label class="check" title="Start the vertical axis at zero">
          <input type="checkbox" checked={panel.fromZero} onChange={() => change({ fromZero: !panel.fromZero })} /> From 0
        </label>
      )}
      {hasExemplars() && (
        <label class="check">
          <input type="checkbox" checked={panel.showExemplars} onChange={() => change({ showExemplars: !panel.showExemplars })} /> Exemplars
        </label>
      )}
    </>
  );
}

const NAMES: Record<Density, string> = { low: "Low", medium: "Medium", high: "High" };

function ResolutionControl({ panel, change }: Props) {
  const { resolution, rangeMs } = panel;
  const value = resolution.type === "auto" ? resolution.density : resolution.type === "fixed" && FIXED_STEPS.includes(resolution.stepMs) ? String(resolution.stepMs) : "custom";
  const choose = (text: string) => {
    if (text === "custom") return change({ resolution: { type: "custom", stepMs: stepFor(panel) } });
    const density = DENSITIES.find((name) => name === text);
    change({ resolution: density ? { type: "auto", density } : resolutionFor(Number(text)) });
  };
  return (
    <span class="group">
      <select aria-label="Resolution" title="Resolution: how far apart the points are" value={value} onChange={(e) => choose(e.currentTarget.value)}>
        <optgroup label="By range">
          {DENSITIES.map((density) => (
            <option value={density}>
              {NAMES[density]} res. ({formatDuration(stepFor({ rangeMs, resolution: { type: "auto", density } }))})
            </option>
          ))}
        </optgroup>
        <optgroup label="Fixed">
          {FIXED_STEPS.map((ms) => (
            <option value={String(ms)}>{formatDuration(ms)}</option>
          ))}
        </optgroup>
        <option value="custom">Custom</option>
      </select>
      {value === "custom" && (
        <Field
          label="Step"
          width="5rem"
          value={formatDuration(stepFor(panel))}
          set={(text) => {
            const ms = parseDuration(text);
            if (!ms) return false;
            change({ resolution: { type: "custom", stepMs: ms } });
            return true;
          }}
        />
      )}
    </span>
  );
}
