// A sum whose one term is a convolution that nothing else reads becomes part of that convolution, where its kernel can add.
import { isWhole, type Slice, type Step } from "./steps.js";

export function fuseResiduals(steps: readonly Step[]): Step[] {
  return steps.filter(({ kind }) => kind === "add").reduce(fuse, steps.slice());
}

/** In the place of the sum, where the other term is there, too. */
function fuse(steps: Step[], sum: Step): Step[] {
  const [a, b] = sum.reads as [Slice, Slice];
  for (const [term, other] of [
    [a, b],
    [b, a],
  ] as const) {
    const convolution = onlyConvolution(steps, term);
    if (convolution === undefined) continue;
    const fused = { ...convolution, reads: [...convolution.reads, other], writes: sum.writes };
    return steps.filter((step) => step !== convolution).map((step) => (step === sum ? fused : step));
  }
  return steps;
}

/** The convolution that makes these features for one reader alone. */
function onlyConvolution(steps: readonly Step[], term: Slice): Step | undefined {
  const readers = steps.flatMap(({ reads }) => reads).filter(({ of }) => of === term.of);
  if (!isWhole(term) || readers.length !== 1) return undefined;
  return steps.find(
    ({ kind, dense, reads, writes }) =>
      kind === "convolution" && !dense && reads.length === 1 && writes[0]!.of === term.of,
  );
}
