// Finding by words and by scattered letters.

/** Whether every word of `filter` occurs in `text`, whatever the case. */
export function hasWords(text: string, filter: string): boolean {
  const lower = text.toLowerCase();
  return filter
    .toLowerCase()
    .split(/\s+/)
    .every((word) => lower.includes(word));
}

/**
 * How well the letters of `pattern` occur in `text` in their order: the higher
 * the better, null when they do not. Runs and beginnings of words count more.
 */
export function fuzzyScore(text: string, pattern: string): number | null {
  const lower = text.toLowerCase();
  const wanted = pattern.toLowerCase().replace(/\s+/g, "");
  if (wanted === "") return 0;
  const whole = lower.indexOf(wanted);
  if (whole >= 0) return 1000 - whole - text.length / 100;
  let score = 0;
  let at = -1;
  for (const letter of wanted) {
    const next = lower.indexOf(letter, at + 1);
    if (next < 0) return null;
    const begins = next === 0 || /[_:.\-]/.test(lower[next - 1]!);
    score += next === at + 1 ? 5 : begins ? 4 : -Math.min(3, (next - at) / 8);
    at = next;
  }
  return score - text.length / 100;
}

/** The items whose text fits, best first; all in their order when nothing is asked for. */
export function fuzzyFilter<T>(items: T[], text: (item: T) => string, pattern: string): T[] {
  if (pattern.trim() === "") return items;
  const scored: [T, number][] = [];
  for (const item of items) {
    const score = fuzzyScore(text(item), pattern);
    if (score !== null) scored.push([item, score]);
  }
  return scored.sort((a, b) => b[1] - a[1]).map(([item]) => item);
}
