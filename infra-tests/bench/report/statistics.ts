/** The middle value, or the mean of the two in the middle. Throws an Error for no values. */
export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = Math.floor(sorted.length / 2);
  const [low, high] = [sorted[(sorted.length - 1) >> 1], sorted[middle]];
  if (low === undefined || high === undefined) throw new Error("no values to take the median of");
  return (low + high) / 2;
}

/** The quotients of what was measured side by side: a change of the machine's speed hits both of a pair alike. */
export function ratios(pairs: readonly { ours: number; theirs: number }[]): number[] {
  return pairs.map(({ ours, theirs }) => ours / theirs);
}

/** How often the smallest value fits into the largest. */
export function spread(values: readonly number[]): number {
  return Math.max(...values) / Math.min(...values);
}

/** Things a second. */
export function perSecond(count: number, ms: number): number {
  return (count * 1000) / ms;
}
