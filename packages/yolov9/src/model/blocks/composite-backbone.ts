/**
 * The two ends of a composite (reversible) backbone: CBLinear projects a feature of the first backbone into pieces, one for each
 * level that wants it, and CBFuse adds the wanted pieces to a feature of the second backbone.
 */
import { Conv2d, type Tensor } from "@yolov9/torch";
import { z } from "zod";
import { countConvolution } from "./budget.js";
import { channels, only } from "./options.js";
import { BlockError, FeatureBlock, type Feature, type FeatureDefinition } from "./registry.js";

/** A plain 1×1 convolution with bias; the pieces stay side by side: [B, in, H, W] → [B, sum of pieces, H, W]. */
export class CBLinear extends FeatureBlock {
  readonly conv: Conv2d;

  constructor(inChannels: number, pieces: readonly number[]) {
    super();
    countConvolution(inChannels, sum(pieces), 1);
    this.conv = new Conv2d(inChannels, sum(pieces), 1, { bias: true });
  }

  forward(x: Tensor): Tensor {
    return this.conv.forward(x);
  }
}

/** Where a piece lies in the channels of a CBLinear. */
export interface PieceRange {
  readonly start: number;
  readonly length: number;
}

/** The last input plus one piece of every other input, enlarged (nearest) to its size. */
export class CBFuse extends FeatureBlock {
  readonly pieces: readonly PieceRange[];

  constructor(pieces: readonly PieceRange[]) {
    super();
    this.pieces = pieces;
  }

  forward(...inputs: Tensor[]): Tensor {
    const target = inputs.at(-1)!;
    const size = target.shape.slice(2);
    const enlarged = this.pieces.map(({ start, length }, i) =>
      inputs[i]!.narrow(1, start, length).upsample_nearest2d(size),
    );
    return enlarged.reduce((total, piece) => total.add(piece), target);
  }
}

/** One for each level that wants one. */
const MOST_PIECES = 32;

const linearOptions = z.strictObject({ out: z.array(channels).min(1).max(MOST_PIECES) });
const fuseOptions = z.strictObject({ take: z.array(z.int().nonnegative()).min(1).max(MOST_PIECES) });

export const cbLinearDefinition: FeatureDefinition<typeof linearOptions> = {
  name: "CBLinear",
  inputs: "one",
  options: linearOptions,
  output: (inputs, { out }) => ({ channels: sum(out), stride: only(inputs).stride, parts: out }),
  build: (inputs, { out }) => new CBLinear(only(inputs).channels, out),
};

export const cbFuseDefinition: FeatureDefinition<typeof fuseOptions> = {
  name: "CBFuse",
  inputs: "many",
  options: fuseOptions,
  output: (inputs, { take }) => {
    const { channels: width, stride } = inputs.at(-1)!;
    for (const { length } of pieceRanges(inputs, take)) {
      if (length !== width)
        throw new BlockError(`CBFuse cannot add a piece of ${length} channels to ${width} channels`);
    }
    return { channels: width, stride };
  },
  build: (inputs, { take }) => new CBFuse(pieceRanges(inputs, take)),
};

function pieceRanges(inputs: readonly Feature[], take: readonly number[]): PieceRange[] {
  if (take.length !== inputs.length - 1) {
    throw new BlockError(`CBFuse: "take" names ${take.length} pieces for ${inputs.length - 1} CBLinear inputs`);
  }
  return take.map((piece, i) => {
    const parts = inputs[i]!.parts;
    const length = parts?.[piece];
    if (parts === undefined || length === undefined) {
      throw new BlockError(`CBFuse: input ${i + 1} has no piece ${piece}; it must be a CBLinear with enough pieces`);
    }
    return { start: sum(parts.slice(0, piece)), length };
  });
}

function sum(numbers: readonly number[]): number {
  return numbers.reduce((total, n) => total + n, 0);
}
