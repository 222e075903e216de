/**
 * What the names and shapes of published weights tell of their model: the heads with their kinds and widths, the number of classes,
 * whether they are fused, how many channels each layer gives. It knows no models; `recognise.ts` compares with those.
 */

import { SIDES } from "../model/blocks/detect.js";

/** Shapes of tensors by published names (`model.22.cv3.0.2.weight`), in the file's order. */
export type Shapes = ReadonlyMap<string, readonly number[]>;

export interface HeadTraits {
  /** 4 where the sides of a box are computed apart ("DDetect"), else 1. */
  readonly boxGroups: number;
  readonly boxWidth: number;
  readonly classWidth: number;
  readonly classConvolution: "full" | "depthwise";
}

export interface PublishedTraits {
  readonly fused: boolean;
  readonly classCount: number;
  /** Bins of the distance distribution of a box side. */
  readonly regMax: number;
  /** The layer of all heads, which is the last one. */
  readonly headIndex: number;
  /** Auxiliary heads first, the lead head last. */
  readonly heads: readonly [HeadTraits, ...HeadTraits[]];
  /** Output channels of every layer's last convolution, without the heads. */
  readonly layerChannels: ReadonlyMap<number, number>;
}

/**
 * The same tensors under names that begin with `model.<layer>.`: training wrappers and containers put other things before the number.
 * @throws Error when they do not all begin alike
 */
export function withPublishedPrefix<T>(tensors: ReadonlyMap<string, T>): Map<string, T> {
  return new Map(
    [...tensors].map(([key, value]) => {
      const [, layer] = /^(?:(?:module|model|_orig_mod|ema)\.)*(\d+\..+)$/.exec(key) ?? [];
      if (layer === undefined) {
        throw new Error(`tensors are named "model.<layer>.…" in published weights, but here is one named "${key}"`);
      }
      return [`model.${layer}`, value];
    }),
  );
}

/** @throws Error naming the tensor that is missing or has an impossible shape */
export function publishedTraits(shapes: Shapes): PublishedTraits {
  const { headIndex, lists } = branchLists(shapes);
  const out = (key: string): number => convolution(shapes, key)[0];
  const prefix = `model.${headIndex}`;
  const heads = Array.from({ length: lists.length / 2 }, (_, i) =>
    headTraits(shapes, `${prefix}.cv${lists[2 * i]!}.0`, `${prefix}.cv${lists[2 * i + 1]!}.0`),
  );
  const [first, ...others] = heads;
  if (first === undefined) throw new Error(`layer ${headIndex} has no pair of box and class branches`);
  return {
    fused: ![...shapes.keys()].some((key) => key.includes(".bn.")),
    classCount: out(`${prefix}.cv${lists.at(-1)!}.0.2.weight`),
    regMax: out(`${prefix}.cv${lists.at(-2)!}.0.2.weight`) / SIDES,
    headIndex,
    heads: [first, ...others],
    layerChannels: channelsOfLayers(shapes, headIndex),
  };
}

/** The numbers of the branch lists cv2, cv3 … of the last layer: box branches even, class branches odd. */
function branchLists(shapes: Shapes): { headIndex: number; lists: number[] } {
  const found = [...shapes.keys()].flatMap((key) => {
    const [, layer, list] = /^model\.(\d+)\.cv(\d+)\.0\.2\.weight$/.exec(key) ?? [];
    return layer === undefined ? [] : [{ layer: Number(layer), list: Number(list) }];
  });
  const headIndex = Math.max(...found.map(({ layer }) => layer));
  const lists = found.flatMap(({ layer, list }) => (layer === headIndex ? [list] : [])).sort((a, b) => a - b);
  if (lists.length === 0) {
    throw new Error(
      "no class branches found (model.<layer>.cv3.0.2.weight): these are no weights of a YOLOv9 detector",
    );
  }
  if (
    [...shapes.keys()].some(
      (key) => key.startsWith(`model.${headIndex}.proto`) || key.startsWith(`model.${headIndex}.uconv`),
    )
  ) {
    throw new Error("the head predicts masks; only detection heads can be read");
  }
  if (lists.length % 2 !== 0 || lists.some((list, i) => list !== i + 2)) {
    throw new Error(`the head has the branches ${lists.map((list) => `cv${list}`).join(", ")}, not pairs from cv2 on`);
  }
  return { headIndex, lists };
}

/** The finest level's branches. Every tensor is checked, so that a few wrong numbers cannot ask for a model beyond all measure. */
function headTraits(shapes: Shapes, boxes: string, classes: string): HeadTraits {
  const [boxWidth, inGroup] = convolution(shapes, `${boxes}.1.conv.weight`);
  const boxGroups = boxWidth / inGroup;
  expectShape(shapes, `${boxes}.2.weight`, [undefined, inGroup, 1, 1]);
  const isDepthwise = shapes.has(`${classes}.0.0.conv.weight`);
  const second = isDepthwise ? `${classes}.1.1.conv.weight` : `${classes}.1.conv.weight`;
  const [classWidth] = convolution(shapes, second);
  expectShape(shapes, second, [classWidth, classWidth, undefined, undefined]);
  expectShape(shapes, `${classes}.2.weight`, [undefined, classWidth, 1, 1]);
  return { boxGroups, boxWidth, classWidth, classConvolution: isDepthwise ? "depthwise" : "full" };
}

function channelsOfLayers(shapes: Shapes, headIndex: number): Map<number, number> {
  const channels = new Map<number, number>();
  for (const [key, shape] of shapes) {
    const [, layer] = /^model\.(\d+)\.(?:.+\.)?conv\.weight$/.exec(key) ?? [];
    if (layer !== undefined && Number(layer) !== headIndex && shape.length === 4)
      channels.set(Number(layer), shape[0]!);
  }
  return channels;
}

type ConvolutionShape = readonly [out: number, inGroup: number, height: number, width: number];

/** The shape of a convolution's weight. */
function convolution(shapes: Shapes, key: string): ConvolutionShape {
  const shape = shapes.get(key);
  if (shape === undefined)
    throw new Error(`the weights have no "${key}", which tells widths and number of the classes`);
  const [out, inGroup, height, width] = shape;
  if (shape.length !== 4 || !out || !inGroup || !height || !width) {
    throw new Error(`"${key}" has shape [${shape.join(", ")}], not that of a convolution`);
  }
  return [out, inGroup, height, width];
}

/** @param expected sizes; undefined where any will do */
function expectShape(shapes: Shapes, key: string, expected: readonly (number | undefined)[]): void {
  const shape = convolution(shapes, key);
  if (shape.some((size, i) => expected[i] !== undefined && expected[i] !== size)) {
    const wanted = expected.map((size) => size ?? "any").join(", ");
    throw new Error(`"${key}" has shape [${shape.join(", ")}], but the other branches need [${wanted}]`);
  }
}
