/**
 * The grid that anchor-free predictions refer to: one anchor a cell, at its centre, levels one after the other and row-major.
 */
import { tensor, type DType, type Tensor } from "@yolov9/torch";

export interface Anchors {
  /** [2, A] x and y of the cell centres, in cells. */
  readonly centres: Tensor;
  /** [1, A] pixels a cell. */
  readonly strides: Tensor;
}

export interface GridSize {
  readonly height: number;
  readonly width: number;
}

/** @param sizes of the levels in cells, in the order of `strides` */
export function makeAnchors(
  sizes: readonly GridSize[],
  strides: readonly number[],
  options: { dtype: DType; device: string },
): Anchors {
  const count = sizes.reduce((sum, { height, width }) => sum + height * width, 0);
  const centres = new Float32Array(2 * count);
  const cell = new Float32Array(count);
  let anchor = 0;
  for (const [level, { height, width }] of sizes.entries()) {
    for (let i = 0; i < height * width; i++, anchor++) {
      centres[anchor] = (i % width) + 0.5;
      centres[count + anchor] = Math.floor(i / width) + 0.5;
      cell[anchor] = strides[level]!;
    }
  }
  return {
    centres: tensor(centres, { shape: [2, count], ...options }),
    strides: tensor(cell, { shape: [1, count], ...options }),
  };
}

/** Keeps the anchors of the last shape that was asked for, because most calls ask for the same. */
export class AnchorCache {
  #key = "";
  #anchors: Anchors | undefined;

  /** @param levels raw outputs [B, C, H, W], whose anchors are wanted; owned by the cache */
  get(levels: readonly Tensor[], strides: readonly number[], dtype: DType): Anchors {
    const sizes = levels.map(({ shape }) => ({ height: shape[2]!, width: shape[3]! }));
    const device = levels[0]!.device;
    const key = JSON.stringify([sizes, strides, dtype, device]);
    if (this.#anchors !== undefined && key === this.#key) return this.#anchors;
    this.dispose();
    const anchors = makeAnchors(sizes, strides, { dtype, device });
    anchors.centres.keep();
    anchors.strides.keep();
    this.#key = key;
    this.#anchors = anchors;
    return anchors;
  }

  dispose(): void {
    this.#anchors?.centres.dispose();
    this.#anchors?.strides.dispose();
    this.#anchors = undefined;
  }
}
