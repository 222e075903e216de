/**
 * MaxPool: the largest value of each window, as YOLOv7 halves its resolution with. It has no weights.
 */
import type { Tensor } from "@yolov9/torch";
import { z } from "zod";
import { kernelSize, only, stride } from "./options.js";
import { FeatureBlock, type FeatureDefinition } from "./registry.js";

/** [B, C, H, W] → [B, C, H / stride, W / stride]; the border is padded by half of the kernel, rounded down, for an odd one. */
export class MaxPool extends FeatureBlock {
  readonly kernel: number;
  readonly stride: number;
  readonly padding: number;

  constructor(kernel: number, stride: number) {
    super();
    this.kernel = kernel;
    this.stride = stride;
    this.padding = kernel % 2 === 1 ? (kernel - 1) / 2 : 0;
  }

  forward(x: Tensor): Tensor {
    const { kernel, stride, padding } = this;
    return x.max_pool2d([kernel, kernel], [stride, stride], [padding, padding]);
  }
}

const options = z.strictObject({ kernel: kernelSize.default(2), stride: stride.default(2) });

export const maxPoolDefinition: FeatureDefinition<typeof options> = {
  name: "MaxPool",
  inputs: "one",
  options,
  output: (inputs, { stride }) => ({ channels: only(inputs).channels, stride: only(inputs).stride * stride }),
  build: (_, { kernel, stride }) => new MaxPool(kernel, stride),
};
