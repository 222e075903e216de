// Kernels that take whole features only get copies of the slices that they read, one for all that read the same.
import { copyStep, isWhole, sameSlice, whole, type Slice, type Step } from "./steps.js";

export function densify(steps: readonly Step[]): Step[] {
  const copies: { slice: Slice; copy: Slice }[] = [];
  const result: Step[] = [];
  const dense = (slice: Slice): Slice => {
    if (isWhole(slice)) return slice;
    const known = copies.find((entry) => sameSlice(entry.slice, slice));
    if (known !== undefined) return known.copy;
    const copy = whole({ ...slice.of, channels: slice.channels });
    copies.push({ slice, copy });
    result.push(copyStep(slice, copy));
    return copy;
  };
  for (const step of steps) {
    const reads = step.dense ? step.reads.map(dense) : step.reads;
    result.push({ ...step, reads });
  }
  return result;
}
