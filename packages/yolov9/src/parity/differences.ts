/**
 * How far numbers are from expected ones. A difference is relative to the expected value, or to a floor where that is smaller,
 * because a value near zero has no digits to agree on; the floor is part of the result's meaning and is chosen by the caller.
 */

export interface Difference {
  /** |actual − expected| / max(|expected|, floor) */
  readonly relative: number;
  /** What the numbers belong to. */
  readonly where: string;
}

export const NO_DIFFERENCE: Difference = { relative: 0, where: "" };

/** A number that is not finite differs infinitely. */
export function difference(actual: number, expected: number, floor: number, where: string): Difference {
  const relative = Math.abs(actual - expected) / Math.max(Math.abs(expected), floor);
  return { relative: Number.isNaN(relative) ? Infinity : relative, where };
}

export function largest(differences: Iterable<Difference>): Difference {
  let worst = NO_DIFFERENCE;
  for (const candidate of differences) if (candidate.relative > worst.relative) worst = candidate;
  return worst;
}
