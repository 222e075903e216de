/**
 * Repeat: the same block several times in a row, with weights of their own.
 */
import type { Tensor } from "@yolov9/torch";
import { z } from "zod";
import { depth, only } from "./options.js";
import {
  BlockError,
  FeatureBlock,
  findBlock,
  type BoundBlock,
  type Feature,
  type FeatureDefinition,
} from "./registry.js";

/** Each takes the output of the one before. */
export class Repeat extends FeatureBlock {
  readonly items: FeatureBlock[];

  constructor(items: FeatureBlock[]) {
    super();
    this.items = items;
  }

  forward(x: Tensor): Tensor {
    return this.items.reduce((y, item) => item.forward(y), x);
  }
}

const options = z.strictObject({ of: z.looseObject({ block: z.string() }), times: depth });
type BoundFeature = Extract<BoundBlock, { kind: "feature" }>;

export const repeatDefinition: FeatureDefinition<typeof options> = {
  name: "Repeat",
  inputs: "one",
  options,
  output: (inputs, own) => chain(only(inputs), own).at(-1)!.output,
  build: (inputs, own, context) => new Repeat(chain(only(inputs), own).map((bound) => bound.build(context))),
};

/** @throws BlockError when the block does not fit behind itself */
function chain(input: Feature, { of, times }: z.output<typeof options>): BoundFeature[] {
  const { block, ...own } = of;
  const bound: BoundFeature[] = [];
  for (let i = 0; i < times; i++) {
    const next = findBlock(block).bind([bound.at(-1)?.output ?? input], own);
    if (next.kind !== "feature") throw new BlockError(`${block} has not one output and cannot be repeated`);
    bound.push(next);
  }
  return bound;
}
