/**
 * Numbers of a recorded network that depend on the size of its input, found by recording it at two sizes. Batch, height and width differ
 * between the two by the factors 2, 3 and 5, so the factor by which a number differs says what it depends on: every number that is a
 * constant times powers of the three is found, such as the side of a feature or the count of its positions.
 */
import type { OnnxGraph, Value } from "./onnx-graph.js";

/** Extents of an image batch. */
export interface Extents<T = number> {
  readonly batch: T;
  readonly height: T;
  readonly width: T;
}

/** A number that has other values at the two recorded sizes. */
export class Varying {
  readonly at: readonly [number, number];

  constructor(first: number, second: number) {
    this.at = [first, second];
  }
}

export type Size = number | Varying;

/** @returns the number itself where both recordings have the same */
export function sizeOf(first: number, second: number): Size {
  return first === second ? first : new Varying(first, second);
}

const FACTORS: Extents = { batch: 2, height: 3, width: 5 };
const KINDS = ["batch", "height", "width"] as const;
const MOST_POWER = 2;

/** The second of the two sizes at which a network with a first input of this size is recorded. */
export function secondExtents(first: Extents): Extents {
  return {
    batch: first.batch * FACTORS.batch,
    height: first.height * FACTORS.height,
    width: first.width * FACTORS.width,
  };
}

/** Where sizes of a graph come from: the extents of its input, each a number or free. */
export class SizeSource {
  readonly #graph: OnnxGraph;
  readonly #recorded: Extents;
  readonly #extents: Extents<number | undefined>;
  readonly #input: Value;

  /**
   * @param recorded the first size at which the network was recorded
   * @param extents those of the exported file's input; undefined where they are free
   */
  constructor(graph: OnnxGraph, input: Value, recorded: Extents, extents: Extents<number | undefined>) {
    this.#graph = graph;
    this.#input = input;
    this.#recorded = recorded;
    this.#extents = extents;
  }

  /** The number, where the extents that it depends on are fixed. @throws RangeError when it depends on them in another way */
  fixed(size: Size): number | undefined {
    if (typeof size === "number") return size;
    const powers = powersOf(size);
    let value = size.at[0];
    for (const kind of KINDS) {
      const extent = this.#extents[kind];
      if (powers[kind] !== 0 && extent === undefined) return undefined;
      if (extent !== undefined) value *= (extent / this.#recorded[kind]) ** powers[kind];
    }
    return Math.round(value);
  }

  /** The number as an int64 value of one element, computed from the shape of the input where that is free. */
  value(size: Size): Value {
    const graph = this.#graph;
    const fixed = this.fixed(size);
    if (fixed !== undefined) return graph.integers([fixed]);
    const { at } = size as Varying;
    const powers = powersOf(size as Varying);
    const product = (sign: 1 | -1): number =>
      KINDS.reduce((total, kind) => total * this.#recorded[kind] ** Math.max(sign * powers[kind], 0), 1);
    // size = at[0] · Π (extent / recorded) ^ power, with all divisions last.
    const shape = graph.node("Shape", [this.#input]);
    const times = (value: Value, sign: 1 | -1): Value =>
      KINDS.flatMap((kind, i) => Array<number>(Math.max(sign * powers[kind], 0)).fill(axisOf(i))).reduce(
        (total, axis) => graph.node("Mul", [total, graph.node("Gather", [shape, graph.integers([axis])], { axis: 0 })]),
        value,
      );
    const numerator = times(graph.integers([at[0] * product(-1)]), 1);
    return graph.node("Div", [numerator, times(graph.integers([product(1)]), -1)]);
  }
}

/** Of an image batch [B, 3, H, W]. */
function axisOf(kind: number): number {
  return [0, 2, 3][kind]!;
}

/** The powers of the extents in a number. @throws RangeError when it is no product of them */
function powersOf({ at: [first, second] }: Varying): Extents {
  const powers = Array.from({ length: 2 * MOST_POWER + 1 }, (_, i) => i - MOST_POWER);
  for (const batch of powers)
    for (const height of powers)
      for (const width of powers) {
        const factor = FACTORS.batch ** batch * FACTORS.height ** height * FACTORS.width ** width;
        if (Math.abs(second / first - factor) < 1e-9 * factor) return { batch, height, width };
      }
  throw new RangeError(
    `a number that is ${first} for one input and ${second} for another follows no rule that can be exported`,
  );
}
