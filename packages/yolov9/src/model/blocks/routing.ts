/**
 * Rows without weights that lead features to where they are needed: Upsample and Concat.
 */
import { concatFeatures, enlarge, type Tensor } from "@yolov9/torch";
import { z } from "zod";
import { only, sharedStride, stride } from "./options.js";
import { BlockError, FeatureBlock, type FeatureDefinition } from "./registry.js";

/** Nearest-neighbour enlargement by a whole factor: [B, C, H, W] → [B, C, H · factor, W · factor]. */
export class Upsample extends FeatureBlock {
  readonly factor: number;

  constructor(factor: number) {
    super();
    this.factor = factor;
  }

  forward(x: Tensor): Tensor {
    if (this.factor === 2) return enlarge(x);
    const [height, width] = x.shape.slice(2);
    return x.upsample_nearest2d([height! * this.factor, width! * this.factor]);
  }
}

/** Channels side by side, in the order of `from`. */
export class Concat extends FeatureBlock {
  forward(...inputs: Tensor[]): Tensor {
    return concatFeatures(inputs);
  }
}

const upsampleOptions = z.strictObject({ factor: stride.min(2).default(2) });
const concatOptions = z.strictObject({});

export const upsampleDefinition: FeatureDefinition<typeof upsampleOptions> = {
  name: "Upsample",
  inputs: "one",
  options: upsampleOptions,
  output: (inputs, { factor }) => {
    const { channels, stride } = only(inputs);
    if (stride % factor !== 0)
      throw new BlockError(`Upsample by ${factor} needs a stride divisible by it, not ${stride}`);
    return { channels, stride: stride / factor };
  },
  build: (_, { factor }) => new Upsample(factor),
};

export const concatDefinition: FeatureDefinition<typeof concatOptions> = {
  name: "Concat",
  inputs: "many",
  options: concatOptions,
  output: (inputs) => ({
    channels: inputs.reduce((sum, input) => sum + input.channels, 0),
    stride: sharedStride("Concat", inputs),
  }),
  build: () => new Concat(),
};
