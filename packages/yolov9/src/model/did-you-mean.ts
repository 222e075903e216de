/**
 * The hint that ends an "unknown name" message: the nearest known name, when one is near, and all of them otherwise.
 */
import { closest, distance } from "fastest-levenshtein";

/** Names further away than this share of their length are no likely slip of the finger. */
const LARGEST_SHARE_OF_EDITS = 0.5;

/** @returns `; did you mean "X"?` or `; known: A, B, C` */
export function didYouMean(word: string, known: readonly string[]): string {
  if (known.length === 0) return "; none is known";
  const nearest = closest(
    word.toLowerCase(),
    known.map((name) => name.toLowerCase()),
  );
  const candidate = known.find((name) => name.toLowerCase() === nearest)!;
  const near = distance(word.toLowerCase(), nearest) <= Math.max(word.length, nearest.length) * LARGEST_SHARE_OF_EDITS;
  return near ? `; did you mean "${candidate}"?` : `; known: ${known.join(", ")}`;
}
