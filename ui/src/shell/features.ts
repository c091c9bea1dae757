// What this server can do.

import { signal } from "@preact/signals";
import * as api from "../api";

/** Empty until known, and for servers that do not say. */
export const features = signal<api.Features>({});

/** Whether there are rules and alerts. */
export const hasRules = () => features.value.rules !== undefined;
/** Whether series may be deleted through the API. */
export const hasAdmin = () => features.value.api?.admin === true;
/** Whether exemplars are kept. */
export const hasExemplars = () => features.value.tsdb?.exemplar_storage === true;

/** Asks the server. A server that does not know the question has none of them. */
export async function loadFeatures() {
  try {
    features.value = (await api.features()).data;
  } catch {
    features.value = {};
  }
}
