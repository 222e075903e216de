/** Runs of indices in which a rising or falling sequence lies between two bounds, found by bisection. */

/** Half-open. */
export interface Run {
  readonly from: number;
  readonly to: number;
}

export function intersect(a: Run, b: Run): Run {
  return { from: Math.max(a.from, b.from), to: Math.min(a.to, b.to) };
}

/** The run of indices i with low <= values[i] < high, where values only rise or only fall. */
export function monotoneRun(values: Int32Array, low: number, high: number): Run {
  const { length } = values;
  const rising = values[length - 1]! >= values[0]!;
  if (rising) {
    return {
      from: firstWhere(length, (i) => values[i]! >= low),
      to: firstWhere(length, (i) => values[i]! >= high),
    };
  }
  return {
    from: firstWhere(length, (i) => values[i]! < high),
    to: firstWhere(length, (i) => values[i]! < low),
  };
}

/** The first index below `length` from which on `holds` is true, or `length`. */
export function firstWhere(length: number, holds: (index: number) => boolean): number {
  let low = 0;
  let high = length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (holds(middle)) high = middle;
    else low = middle + 1;
  }
  return low;
}
