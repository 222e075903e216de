/**
 * The anchors that raw levels refer to, as tensors for decoding. Kept for the last shape that was asked for, because most calls ask for
 * the same one. Where the anchors lie is `AnchorGrid`'s to say.
 */
import { tensor, type DType, type Tensor } from "@yolov9/torch";
import { AnchorGrid } from "../loss/anchor-grid.js";

export interface Anchors {
  /** [2, A] x and y of the cell centres in input pixels. */
  readonly centres: Tensor;
  /** [1, A] pixels a cell. */
  readonly strides: Tensor;
}

export class AnchorCache {
  #key = "";
  #anchors: Anchors | undefined;

  /** @param levels raw outputs [B, C, H, W] @returns the cache's own tensors, which must not be disposed of */
  get(levels: readonly Tensor[], strides: readonly number[], dtype: DType): Anchors {
    const sizes = levels.map(({ shape }) => ({ height: shape[2]!, width: shape[3]! }));
    const device = levels[0]!.device;
    const key = JSON.stringify([sizes, strides, dtype, device]);
    if (this.#anchors !== undefined && key === this.#key) return this.#anchors;
    this.dispose();
    const { x, y, stride, count } = new AnchorGrid(sizes, strides);
    const centres = new Float32Array(2 * count);
    centres.set(x, 0);
    centres.set(y, count);
    this.#key = key;
    this.#anchors = {
      centres: tensor(centres, { shape: [2, count], dtype, device }).keep(),
      strides: tensor(stride, { shape: [1, count], dtype, device }).keep(),
    };
    return this.#anchors;
  }

  dispose(): void {
    this.#anchors?.centres.dispose();
    this.#anchors?.strides.dispose();
    this.#anchors = undefined;
  }
}
