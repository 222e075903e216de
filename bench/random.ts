// Numbers that look random and are the same at every run.

/** Uniform numbers 0 … 1, by Lehmer's generator. */
export function seededRandom(seed: number): () => number {
  let state = seed;
  return () => (state = (state * 16807) % 2147483647) / 2147483647;
}
