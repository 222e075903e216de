// Concatenation without copies: features that are copied into wider ones are made there in the first place.
import { overlap, sameSlice, type Features, type Slice, type Step } from "./steps.js";

/** Where features become a range of the channels of others. */
interface Placement {
  readonly features: Features;
  readonly inside: Features;
  readonly first: number;
}

export function placeConcatenations(steps: readonly Step[]): readonly Step[] {
  const placement = findPlacement(steps);
  if (placement === undefined) return steps;
  const placed = steps.map((step) => moved(step, placement));
  return placeConcatenations(placed.filter((step) => !copiesToItself(step)));
}

function findPlacement(steps: readonly Step[]): Placement | undefined {
  for (const { kind, reads, writes } of steps) {
    if (kind !== "copy") continue;
    const [from, to] = [reads[0]!, writes[0]!];
    const placement = { features: from.of, inside: to.of, first: to.first - from.first };
    if (from.of !== to.of && isPossible(placement, steps)) return placement;
  }
  return undefined;
}

/** Kernels must take slices, and nothing else may write where the features are to be. */
function isPossible(placement: Placement, steps: readonly Step[]): boolean {
  const { features, inside, first } = placement;
  if (first < 0 || first + features.channels > inside.channels) return false;
  const place: Slice = { of: inside, first, channels: features.channels };
  return steps.every((step) => {
    const touches = [...step.reads, ...step.writes].some(({ of }) => of === features);
    if (touches && step.dense) return false;
    return !step.writes.some((slice) => overlap(slice, place)) || copiesToItself(moved(step, placement));
  });
}

function moved(step: Step, { features, inside, first }: Placement): Step {
  const move = (slice: Slice): Slice =>
    slice.of === features ? { ...slice, of: inside, first: slice.first + first } : slice;
  return { ...step, reads: step.reads.map(move), writes: step.writes.map(move) };
}

function copiesToItself({ kind, reads, writes }: Step): boolean {
  return kind === "copy" && sameSlice(reads[0]!, writes[0]!);
}
