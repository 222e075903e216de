// A deployed network's way from images to predictions, recorded once and then run natively: no operator passes through
// JavaScript, features share a few megabytes of memory, concatenations are made in place and nothing is allocated. It computes
// what the recorded operators compute, for pictures of one size; what it was recorded with but for the images is taken as constant.
import { isGradEnabled } from "../autograd.js";
import { bridge, type PlanHandle } from "../native.js";
import { Recording } from "../recording.js";
import { scope } from "../scope.js";
import type { Tensor } from "../tensor.js";
import { bytesPerElement } from "../dtype.js";
import { arrange, type Lifetime } from "./arena.js";
import { densify } from "./densify.js";
import { fuseResiduals } from "./fuse-residuals.js";
import { placeConcatenations } from "./place-concatenations.js";
import type { Features, Slice, Step } from "./steps.js";
import { Translation, UnknownOperatorError } from "./translate.js";

export class Plan implements Disposable {
  /** [batch, rows, columns] of the predictions. */
  readonly shape: readonly [number, number, number];
  /** Bytes of memory that all features share. */
  readonly memoryBytes: number;
  readonly #handle: PlanHandle;

  constructor(handle: PlanHandle, shape: readonly [number, number, number], memoryBytes: number) {
    this.#handle = handle;
    this.shape = shape;
    this.memoryBytes = memoryBytes;
  }

  /**
   * @param images bytes [batch, 3, H, W]
   * @param predictions where they go: as many numbers as `shape` says
   * @returns false, and nothing done, when a weight that was recorded has been disposed of; a weight whose values changed is seen
   */
  run(images: Uint8Array, predictions: Float32Array): boolean {
    return bridge.runPlan(this.#handle, images, predictions);
  }

  dispose(): void {
    bridge.disposePlan(this.#handle);
  }

  [Symbol.dispose](): void {
    this.dispose();
  }
}

/**
 * Records a network on one picture.
 * @param image bytes [1, 3, H, W]
 * @param batch pictures that the plan will take at once
 * @param predict from bytes by `unitImages`, convolutions and what plans know besides to `decodeLevels`
 * @returns undefined where an operator is none that plans know
 */
export function recordPlan(image: Tensor, batch: number, predict: (image: Tensor) => Tensor): Plan | undefined {
  if (isGradEnabled()) throw new Error("a plan is recorded without gradients");
  using recording = new Recording();
  return scope(() => {
    const output = recording.run(() => predict(image));
    try {
      const translation = new Translation(recording.tensorOf(image));
      translation.translate(recording.calls);
      const [, channels, height, width] = image.shape;
      const [, rows, columns] = output.shape as [number, number, number];
      return prepare(translation, { batch, imageBytes: channels! * height! * width!, rows, columns });
    } catch (error) {
      if (error instanceof UnknownOperatorError) return undefined;
      throw error;
    }
  });
}

/** Pictures at once, bytes of one, and rows and columns of its predictions. */
interface Sizes {
  readonly batch: number;
  readonly imageBytes: number;
  readonly rows: number;
  readonly columns: number;
}

/** Prepares the steps for a batch: features get their places, kernels their tensors. */
function prepare({ steps, dtype }: Translation, { batch, imageBytes, rows, columns }: Sizes): Plan {
  const ordered = densify(placeConcatenations(fuseResiduals(steps)));
  const bytes = (features: Features): number =>
    batch * features.channels * features.height * features.width * bytesPerElement[dtype];
  const lives = lifetimes(ordered);
  const arena = arrange([...lives].map(([features, life]) => ({ ...life, bytes: bytes(features) })));
  const offsets = new Map([...lives.keys()].map((features, i) => [features, arena.offsets[i]!]));
  const place = ({ of, first, channels }: Slice) => ({
    offset: offsets.get(of)! + first * bytesPerElement[dtype],
    pixelStride: of.channels,
    channels,
    height: of.height,
    width: of.width,
  });
  const handle = bridge.makePlan({
    batch,
    dtype,
    imageBytes: batch * imageBytes,
    predictionCount: batch * rows * columns,
    memoryBytes: arena.bytes,
    steps: ordered.map(({ kind, reads, writes, constants, numbers }) => ({
      ...{ kind, numbers, reads: reads.map(place), writes: writes.map(place) },
      constants: constants.map((tensor) => tensor?.handle ?? null),
    })),
  });
  return new Plan(handle, [batch, rows, columns], arena.bytes);
}

/** The first and the last step that touch each features. */
function lifetimes(steps: readonly Step[]): Map<Features, Pick<Lifetime, "from" | "to">> {
  const lives = new Map<Features, { from: number; to: number }>();
  for (const [index, { reads, writes }] of steps.entries()) {
    for (const { of } of [...reads, ...writes]) {
      lives.set(of, { from: lives.get(of)?.from ?? index, to: index });
    }
  }
  return lives;
}
