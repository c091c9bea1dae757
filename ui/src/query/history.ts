// The queries that were run, newest first, if the reader wants them remembered.

import { enableQueryHistory, stored } from "../shared/settings";

/** How many are kept. */
const HISTORY_MAX = 50;

export const queryHistory = stored<string[]>("queryPage.queryHistory", []);

/** The list with one more query. A bare metric name is not worth a place. */
export function withQuery(list: string[], query: string): string[] {
  const text = query.trim();
  if (text === "" || /^[a-zA-Z_:][a-zA-Z0-9_:]*$/.test(text)) return list;
  return [text, ...list.filter((other) => other !== text)].slice(0, HISTORY_MAX);
}

export function remember(query: string) {
  if (enableQueryHistory.value) queryHistory.value = withQuery(queryHistory.peek(), query);
}
