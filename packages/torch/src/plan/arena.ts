// Where features lie in a plan's memory: those that are never alive together may share it, so that a network runs in a few
// megabytes, which stay in the processor's cache.

/** Something that needs memory from one step to another, both included. */
export interface Lifetime {
  readonly bytes: number;
  readonly from: number;
  readonly to: number;
}

export interface Arena {
  /** Of each lifetime, in the order given. */
  readonly offsets: readonly number[];
  readonly bytes: number;
}

/** Every offset is a multiple of this: a line of the cache. */
export const ALIGNMENT = 64;

/** The largest first, each at the lowest place that is free for as long as it lives. */
export function arrange(lifetimes: readonly Lifetime[]): Arena {
  const offsets = lifetimes.map(() => 0);
  const largestFirst = lifetimes.map((_, i) => i).sort((a, b) => lifetimes[b]!.bytes - lifetimes[a]!.bytes);
  const placed: number[] = [];
  for (const i of largestFirst) {
    const taken = placed
      .filter((other) => meet(lifetimes[i]!, lifetimes[other]!))
      .map((other) => ({ start: offsets[other]!, end: offsets[other]! + aligned(lifetimes[other]!.bytes) }))
      .sort((a, b) => a.start - b.start);
    offsets[i] = lowestGap(taken, aligned(lifetimes[i]!.bytes));
    placed.push(i);
  }
  return { offsets, bytes: Math.max(0, ...lifetimes.map(({ bytes }, i) => offsets[i]! + aligned(bytes))) };
}

function lowestGap(taken: readonly { start: number; end: number }[], bytes: number): number {
  let offset = 0;
  for (const { start, end } of taken) {
    if (start - offset >= bytes) break;
    offset = Math.max(offset, end);
  }
  return offset;
}

function meet(a: Lifetime, b: Lifetime): boolean {
  return a.from <= b.to && b.from <= a.to;
}

function aligned(bytes: number): number {
  return Math.ceil(bytes / ALIGNMENT) * ALIGNMENT;
}
