/**
 * The small residual blocks of the paper's Table 2, usable inside a GELAN: RepBottleneck (the one in RepCSP), Res and Dark.
 * Each adds its input to its output when the shapes allow it.
 */
import type { Tensor } from "@yolov9/torch";
import { z } from "zod";
import type { Activation } from "../activation.js";
import { Conv } from "./conv.js";
import { channels, only } from "./options.js";
import { FeatureBlock, type FeatureDefinition } from "./registry.js";
import { RepConv } from "./rep-conv.js";

/** Hidden channels of Res and Dark as a share of their output. */
const HIDDEN_SHARE = 0.5;

/** What a chain of blocks makes of x, plus x where wanted. */
function residual(x: Tensor, wanted: boolean, [first, ...others]: readonly [FeatureBlock, ...FeatureBlock[]]): Tensor {
  const finish = (y: Tensor): Tensor => others.reduce((z, block) => block.forward(z), y);
  if (!wanted) return finish(first.forward(x));
  const [y, kept] = first.pass(x);
  return kept.add(finish(y));
}

/** RepConv 3×3, then Conv 3×3, both of full width, plus the input: [B, in, H, W] → [B, out, H, W]. */
export class RepBottleneck extends FeatureBlock {
  readonly residual: boolean;
  readonly reparameterised: RepConv;
  readonly conv: Conv;

  constructor(inChannels: number, outChannels: number, activation: Activation) {
    super();
    this.residual = inChannels === outChannels;
    this.reparameterised = new RepConv(inChannels, outChannels, { activation });
    this.conv = new Conv(outChannels, outChannels, { kernel: 3, activation });
  }

  forward(x: Tensor): Tensor {
    return residual(x, this.residual, [this.reparameterised, this.conv]);
  }
}

/** 1×1 → 3×3 → 1×1 with half the width inside (He et al. 2016). */
export class Res extends FeatureBlock {
  readonly residual: boolean;
  readonly reduce: Conv;
  readonly conv: Conv;
  readonly expand: Conv;

  constructor(inChannels: number, outChannels: number, activation: Activation) {
    super();
    const hidden = Math.floor(outChannels * HIDDEN_SHARE);
    this.residual = inChannels === outChannels;
    this.reduce = new Conv(inChannels, hidden, { kernel: 1, activation });
    this.conv = new Conv(hidden, hidden, { kernel: 3, activation });
    this.expand = new Conv(hidden, outChannels, { kernel: 1, activation });
  }

  forward(x: Tensor): Tensor {
    return residual(x, this.residual, [this.reduce, this.conv, this.expand]);
  }
}

/** 1×1 → 3×3 with half the width inside (Redmon and Farhadi 2018, Darknet-53). */
export class Dark extends FeatureBlock {
  readonly residual: boolean;
  readonly reduce: Conv;
  readonly conv: Conv;

  constructor(inChannels: number, outChannels: number, activation: Activation) {
    super();
    const hidden = Math.floor(outChannels * HIDDEN_SHARE);
    this.residual = inChannels === outChannels;
    this.reduce = new Conv(inChannels, hidden, { kernel: 1, activation });
    this.conv = new Conv(hidden, outChannels, { kernel: 3, activation });
  }

  forward(x: Tensor): Tensor {
    return residual(x, this.residual, [this.reduce, this.conv]);
  }
}

type BottleneckClass = new (inChannels: number, outChannels: number, activation: Activation) => FeatureBlock;

const options = z.strictObject({ out: channels });

function bottleneck(name: string, Class: BottleneckClass): FeatureDefinition<typeof options> {
  return {
    name,
    inputs: "one",
    options,
    output: (inputs, { out }) => ({ channels: out, stride: only(inputs).stride }),
    build: (inputs, { out }, { activation }) => new Class(only(inputs).channels, out, activation),
  };
}

export const bottleneckDefinitions = [
  bottleneck("RepBottleneck", RepBottleneck),
  bottleneck("Res", Res),
  bottleneck("Dark", Dark),
];
