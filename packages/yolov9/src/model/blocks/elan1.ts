/**
 * ELAN1: the ELAN of plain 3×3 convolutions that the small models use at stride 4 (the topology of GELAN without inner blocks).
 */
import type { Tensor } from "@yolov9/torch";
import { z } from "zod";
import type { Activation } from "../activation.js";
import { Conv } from "./conv.js";
import { aggregate } from "./layer-aggregation.js";
import { channels, depth, only } from "./options.js";
import { FeatureBlock, type FeatureDefinition } from "./registry.js";

/** [B, in, H, W] → [B, out, H, W]. */
export class ELAN1 extends FeatureBlock {
  readonly split: Conv;
  readonly stages: Conv[];
  readonly merge: Conv;

  constructor(
    inChannels: number,
    outChannels: number,
    options: { hidden: readonly [number, number]; depth: number; activation: Activation },
  ) {
    super();
    const { hidden, depth, activation } = options;
    const [split, width] = hidden;
    this.split = new Conv(inChannels, split, { kernel: 1, activation });
    this.stages = Array.from(
      { length: depth },
      (_, i) => new Conv(i === 0 ? split / 2 : width, width, { kernel: 3, activation }),
    );
    this.merge = new Conv(split + depth * width, outChannels, { kernel: 1, activation });
  }

  forward(x: Tensor): Tensor {
    return this.merge.forward(aggregate(this.split.forward(x), this.stages));
  }
}

const options = z.strictObject({
  out: channels,
  hidden: z.tuple([channels.multipleOf(2, "must be even, it is split in halves"), channels]),
  /** Convolutions in the chain. */
  depth: depth.default(2),
});

export const elan1Definition: FeatureDefinition<typeof options> = {
  name: "ELAN1",
  inputs: "one",
  options,
  output: (inputs, { out }) => ({ channels: out, stride: only(inputs).stride }),
  build: (inputs, { out, hidden, depth }, { activation }) =>
    new ELAN1(only(inputs).channels, out, { hidden, depth, activation }),
};
