/**
 * Reversible columns over feature levels, after RevCol (Cai et al. 2023): each column adds to every level what it computes from the
 * level below (already updated) and the level above (not yet), so that its inputs can be computed again from its outputs. This
 * is a reversible function in the sense of the paper, X = v(r(X)), and loses nothing of what it is given.
 */
import {
  customFunction,
  enableGrad,
  leaf,
  Module,
  noGrad,
  scope,
  withFrozenStatistics,
  type Tensor,
} from "@yolov9/torch";
import { z } from "zod";
import type { Activation } from "../activation.js";
import { Conv } from "./conv.js";
import { RepBottleneck } from "./bottleneck.js";
import { depth } from "./options.js";
import { BlockError, MultiFeatureBlock, type Feature, type MultiFeatureDefinition } from "./registry.js";

/**
 * Of the batch norms through which a coupling's result passes: a column begins near the identity, as residual branches that start at
 * zero do (Goyal et al. 2017), and rounding grows little on the way back.
 */
const INITIAL_GAIN = 0.1;

/** What a column adds to one level: F(finer, coarser). */
export class Coupling extends Module {
  /** From the next finer level; absent at the finest. */
  readonly down: Conv | undefined;
  /** From the next coarser level; absent at the coarsest. */
  readonly up: Conv | undefined;
  readonly block: RepBottleneck;

  constructor(level: number, widths: readonly number[], activation: Activation) {
    super();
    const width = widths[level]!;
    const [finer, coarser] = [widths[level - 1], widths[level + 1]];
    this.down = finer === undefined ? undefined : new Conv(finer, width, { kernel: 3, stride: 2, activation });
    this.up = coarser === undefined ? undefined : new Conv(coarser, width, { kernel: 1, activation });
    this.block = new RepBottleneck(width, width, activation);
    for (const last of [this.down, this.up, this.block.conv]) {
      if (last?.norm !== undefined) noGrad(() => last.norm!.weight.fill_(INITIAL_GAIN).dispose());
    }
  }

  /** @returns of the shape of the level that it is added to */
  forward(finer: Tensor | undefined, coarser: Tensor | undefined): Tensor {
    return scope(() => {
      const below = finer && this.down?.forward(finer);
      const above = coarser && this.up?.forward(coarser);
      if (above === undefined) return this.block.forward(below!);
      const size = below?.shape.slice(2) ?? above.shape.slice(2).map((side) => side * 2);
      const enlarged = above.upsample_nearest2d(size);
      return this.block.forward(below === undefined ? enlarged : below.add(enlarged));
    });
  }
}

/** One column: yₗ = xₗ + Fₗ(yₗ₋₁, xₗ₊₁), from the finest level to the coarsest. */
export class ReversibleColumn extends Module {
  readonly couplings: Coupling[];

  constructor(widths: readonly number[], activation: Activation) {
    super();
    this.couplings = widths.map((_, level) => new Coupling(level, widths, activation));
  }

  /** @param levels finest first, each half the size of the one before */
  forward(levels: readonly Tensor[]): Tensor[] {
    const outputs: Tensor[] = [];
    for (const [l, x] of levels.entries()) {
      outputs.push(scope(() => x.add(this.couplings[l]!.forward(outputs[l - 1], levels[l + 1]))));
    }
    return outputs;
  }

  /** The levels that gave these outputs: xₗ = yₗ − Fₗ(yₗ₋₁, xₗ₊₁), from the coarsest to the finest. */
  inverse(outputs: readonly Tensor[]): Tensor[] {
    const levels: Tensor[] = [];
    for (let l = outputs.length - 1; l >= 0; l--) {
      levels.unshift(scope(() => outputs[l]!.sub(this.couplings[l]!.forward(outputs[l - 1], levels[0]))));
    }
    return levels;
  }

  /**
   * Inverse and backward in one: every Fₗ is computed once more, which gives both the input and what autograd needs of it.
   * Gradients of the parameters are accumulated in them.
   * @param gradients of the outputs
   * @returns the inputs and their gradients
   */
  invertAndDifferentiate(outputs: readonly Tensor[], gradients: readonly Tensor[]): Differentiated {
    const levels: Tensor[] = [];
    const ofOutputs = [...gradients];
    const ofLevels: Tensor[] = [];
    for (let l = outputs.length - 1; l >= 0; l--) {
      const [finer, coarser] = [outputs[l - 1], levels[0]].map((level) => level && leaf(level));
      const added = enableGrad(() => this.couplings[l]!.forward(finer, coarser));
      levels.unshift(noGrad(() => outputs[l]!.sub(added.detach())));
      added.backward(ofOutputs[l]);
      ofLevels.unshift(ofOutputs[l]!);
      if (finer !== undefined) ofOutputs[l - 1] = ofOutputs[l - 1]!.add(finer.grad!);
      if (coarser !== undefined) ofLevels[1] = ofLevels[1]!.add(coarser.grad!);
    }
    return { levels, gradients: ofLevels };
  }
}

interface Differentiated {
  readonly levels: readonly Tensor[];
  readonly gradients: readonly Tensor[];
}

/** Levels → as many levels of the same shapes. */
export class ReversibleColumns extends MultiFeatureBlock {
  readonly columns: ReversibleColumn[];
  /** Whether training on a CPU keeps only the last column's outputs and computes the others again in backward. */
  readonly saveMemory: boolean;

  constructor(widths: readonly number[], options: { columns: number; saveMemory: boolean; activation: Activation }) {
    super();
    this.columns = Array.from({ length: options.columns }, () => new ReversibleColumn(widths, options.activation));
    this.saveMemory = options.saveMemory;
  }

  forward(...levels: Tensor[]): Tensor[] {
    // The statistics of batch norms are known only while training; in evaluation nothing is recorded anyway. Backward passes on
    // other devices run in threads of libtorch's own, where no JavaScript can.
    const canRecompute = this.training && levels[0]!.device === "cpu";
    return this.saveMemory && canRecompute ? this.#forwardSavingMemory(levels) : this.#through(levels);
  }

  /** The levels that gave these outputs: v of X = v(r(X)). */
  inverse(outputs: readonly Tensor[]): Tensor[] {
    return withFrozenStatistics(() =>
      scope(() => [...this.columns].reverse().reduce<Tensor[]>((y, column) => column.inverse(y), [...outputs])),
    );
  }

  level(index: number): readonly Module[] {
    return this.columns.flatMap(({ couplings }) => {
      const { down, block } = couplings[index]!;
      const up = couplings[index - 1]?.up;
      return [down, block, up].filter((module) => module !== undefined);
    });
  }

  #through(levels: readonly Tensor[]): Tensor[] {
    return this.columns.reduce<Tensor[]>((x, column) => scope(() => column.forward(x)), [...levels]);
  }

  #forwardSavingMemory(levels: readonly Tensor[]): Tensor[] {
    return customFunction({
      inputs: levels,
      forward: () => {
        const outputs = this.#through(levels);
        return { outputs, saved: outputs };
      },
      backward: (outputs, gradients) => this.#backward(outputs, gradients),
    });
  }

  #backward(outputs: readonly Tensor[], given: readonly (Tensor | undefined)[]): readonly Tensor[] {
    let state: Differentiated = {
      levels: outputs,
      gradients: given.map((gradient, i) => gradient ?? outputs[i]!.mul(0)),
    };
    withFrozenStatistics(() => {
      for (const column of [...this.columns].reverse()) {
        state = scope(() => column.invertAndDifferentiate(state.levels, state.gradients));
      }
    });
    return state.gradients;
  }
}

const options = z.strictObject({
  columns: depth.default(2),
  saveMemory: z.boolean().default(true),
});

export const reversibleColumnsDefinition: MultiFeatureDefinition<typeof options> = {
  name: "ReversibleColumns",
  inputs: "many",
  options,
  outputs: (inputs) => {
    if (inputs.length < 2)
      throw new BlockError("ReversibleColumns needs at least two levels to exchange features between");
    inputs.forEach(({ stride, parts }, level) => {
      const finer = inputs[level - 1];
      if (parts !== undefined) throw new BlockError("ReversibleColumns takes ordinary features, no CBLinear");
      if (finer !== undefined && stride !== 2 * finer.stride) {
        throw new BlockError(
          `ReversibleColumns needs levels whose strides double, finest first, but stride ${stride} follows ${finer.stride}`,
        );
      }
    });
    return inputs.map(({ channels, stride }): Feature => ({ channels, stride }));
  },
  build: (inputs, own, { activation }) =>
    new ReversibleColumns(
      inputs.map(({ channels }) => channels),
      { ...own, activation },
    ),
};
