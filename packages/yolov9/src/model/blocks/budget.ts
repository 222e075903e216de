/**
 * What a model file may ask for: how many blocks and convolutions, how deep in each other, with how many parameters. It is counted while
 * blocks are planned and while a model is made of shapes alone, so that an absurd file is refused before memory is asked for. The limits of
 * single numbers are in options.ts.
 */
import { BlockError } from "./block-error.js";

/** Some four times the parameters of the largest published model; as float32 they take 1.2 GB. */
const MOST_PARAMETERS = 300_000_000;
/** Blocks and convolutions together. The largest published model has 1200. */
const MOST_PARTS = 10_000;
/** Blocks inside blocks, such as the inner block of a GELAN. */
const DEEPEST_NESTING = 8;

interface Spent {
  parts: number;
  parameters: number;
  nesting: number;
}

let spent: Spent | undefined;

/**
 * Runs `make` with everything counted that is planned and made in it.
 * @throws BlockError in it, as soon as more is asked for than a model may have
 */
export function withinBudget<T>(make: () => T): T {
  const outer = spent;
  spent = { parts: 0, parameters: 0, nesting: 0 };
  try {
    return make();
  } finally {
    spent = outer;
  }
}

/** Plans one block, inside which others may be planned. */
export function countBlock<T>(plan: () => T): T {
  const counted = spent;
  if (counted === undefined) return plan();
  countPart(counted);
  if (counted.nesting >= DEEPEST_NESTING) {
    throw new BlockError(`blocks lie in each other more than ${DEEPEST_NESTING} deep`);
  }
  counted.nesting++;
  try {
    return plan();
  } finally {
    counted.nesting--;
  }
}

/** To be called before a convolution is made. */
export function countConvolution(inChannels: number, outChannels: number, kernel: number, groups = 1): void {
  if (spent === undefined) return;
  countPart(spent);
  spent.parameters += (inChannels / groups) * outChannels * kernel ** 2;
  if (spent.parameters > MOST_PARAMETERS) {
    throw new BlockError(
      `up to here the model has ${spent.parameters} parameters, more than ${MOST_PARAMETERS}; make channels, kernels or depths smaller`,
    );
  }
}

function countPart(counted: Spent): void {
  if (++counted.parts > MOST_PARTS) {
    throw new BlockError(
      `up to here the model has more than ${MOST_PARTS} blocks and convolutions; make depths smaller`,
    );
  }
}
