/**
 * RepCSP: a cross-stage-partial block of RepBottlenecks (Wang et al. 2020, CSPNet); "RepNCSP" of the published models and the
 * default inner block of GELAN.
 */
import { concatFeatures, type Tensor } from "@yolov9/torch";
import { z } from "zod";
import type { Activation } from "../activation.js";
import { RepBottleneck } from "./bottleneck.js";
import { Conv } from "./conv.js";
import { channels, depth, only } from "./options.js";
import { FeatureBlock, type FeatureDefinition } from "./registry.js";

/** Channels of each of the two paths as a share of the output. */
const HIDDEN_SHARE = 0.5;

/** [B, in, H, W] → [B, out, H, W]. */
export class RepCSP extends FeatureBlock {
  /** 1×1 in front of the bottlenecks. */
  readonly main: Conv;
  /** 1×1 of the path that passes them by. */
  readonly bypass: Conv;
  readonly merge: Conv;
  readonly bottlenecks: RepBottleneck[];

  constructor(inChannels: number, outChannels: number, options: { depth: number; activation: Activation }) {
    super();
    const { activation } = options;
    const hidden = Math.floor(outChannels * HIDDEN_SHARE);
    this.main = new Conv(inChannels, hidden, { kernel: 1, activation });
    this.bypass = new Conv(inChannels, hidden, { kernel: 1, activation });
    this.merge = new Conv(2 * hidden, outChannels, { kernel: 1, activation });
    this.bottlenecks = Array.from({ length: options.depth }, () => new RepBottleneck(hidden, hidden, activation));
  }

  forward(x: Tensor): Tensor {
    const [main, rest] = this.main.pass(x);
    const chained = this.#chain(main);
    return this.#join(chained, this.bypass.forward(rest));
  }

  override pass(x: Tensor): [output: Tensor, input: Tensor] {
    const [main, rest] = this.main.pass(x);
    const chained = this.#chain(main);
    const [bypass, passed] = this.bypass.pass(rest);
    return [this.#join(chained, bypass), passed];
  }

  #chain(main: Tensor): Tensor {
    return this.bottlenecks.reduce((y, block) => block.forward(y), main);
  }

  #join(chained: Tensor, bypass: Tensor): Tensor {
    return this.merge.forward(concatFeatures([chained, bypass]));
  }
}

const options = z.strictObject({ out: channels, depth: depth.default(1) });

export const repCspDefinition: FeatureDefinition<typeof options> = {
  name: "RepCSP",
  inputs: "one",
  options,
  output: (inputs, { out }) => ({ channels: out, stride: only(inputs).stride }),
  build: (inputs, { out, depth }, { activation }) => new RepCSP(only(inputs).channels, out, { depth, activation }),
};
