// Filters in the address, so that a link shows the same list.

/** The values of one parameter of the address. */
export function readParam(name: string): string {
  return new URLSearchParams(location.search).get(name) ?? "";
}

/** Puts values into the address without a new entry in the history; empty ones leave it. */
export function writeParams(values: Record<string, string>) {
  const params = new URLSearchParams(location.search);
  for (const [name, value] of Object.entries(values)) {
    if (value) params.set(name, value);
    else params.delete(name);
  }
  const text = params.toString();
  history.replaceState(null, "", location.pathname + (text && `?${text}`));
}
