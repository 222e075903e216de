/** Where an axis ends that single values far above all others must not flatten. No drawing. */

/** A value is out of the ordinary beyond so many times what nine tenths of the values stay below. */
const FACTOR = 3;
const SHARE = 0.9;
/** Of fewer values nobody can say what is ordinary. */
const LEAST_VALUES = 8;

/** The largest ordinary value where there are others above it, else undefined; values that are no numbers are left aside. */
export function ordinaryTop(values: readonly number[]): number | undefined {
  const sorted = values.filter(Number.isFinite).sort((a, b) => a - b);
  if (sorted.length < LEAST_VALUES) return undefined;
  const limit = FACTOR * sorted[Math.floor(SHARE * (sorted.length - 1))]!;
  if (!(limit > 0) || sorted.at(-1)! <= limit) return undefined;
  return sorted.findLast((value) => value <= limit);
}
