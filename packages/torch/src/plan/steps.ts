// What a plan is made of: steps that read and write slices of features.
import type { Tensor } from "../tensor.js";

/** Features of all pictures of a batch in channels-last memory. Compared by identity: two of the same size are two. */
export interface Features {
  readonly channels: number;
  readonly height: number;
  readonly width: number;
}

/** A range of the channels of features. */
export interface Slice {
  readonly of: Features;
  readonly first: number;
  readonly channels: number;
}

/** One kernel's work; `native/plan.cc` says what each kind does with its numbers and constants. */
export interface Step {
  readonly kind: "images" | "convolution" | "copy" | "add" | "smooth" | "enlarge" | "maxPool" | "decode";
  /** A convolution's second is a residual, added after the activation. */
  readonly reads: readonly Slice[];
  readonly writes: readonly Slice[];
  /** Tensors of the model, null where an optional one is absent. */
  readonly constants: readonly (Tensor | null)[];
  readonly numbers: readonly number[];
  /** Whether its kernel takes whole features only, where others take slices. */
  readonly dense: boolean;
}

export function whole(of: Features): Slice {
  return { of, first: 0, channels: of.channels };
}

export function isWhole({ of, channels }: Slice): boolean {
  return channels === of.channels;
}

export function sameSlice(a: Slice, b: Slice): boolean {
  return a.of === b.of && a.first === b.first && a.channels === b.channels;
}

export function overlap(a: Slice, b: Slice): boolean {
  return a.of === b.of && a.first < b.first + b.channels && b.first < a.first + a.channels;
}

export function copyStep(from: Slice, to: Slice): Step {
  return { kind: "copy", reads: [from], writes: [to], constants: [], numbers: [], dense: false };
}
