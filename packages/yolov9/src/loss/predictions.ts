/**
 * What one head predicts for a batch, with all levels in one row of anchors. Only the layout: which anchors learn what is
 * foreground.ts, what they lose head-loss.ts.
 */
import { flattenLevels } from "@yolov9/torch";
import type { Tensor } from "@yolov9/torch";
import { AnchorGrid } from "./anchor-grid.js";

export interface HeadShape {
  readonly classCount: number;
  /** Pixels a cell, level by level. */
  readonly strides: readonly number[];
  /** Bins of the distance distribution of a side. */
  readonly regMax: number;
  /** Whether the last channel is an objectness logit. Default false. */
  readonly objectness?: boolean;
}

/** A head's raw output in float32. */
export interface FlatPredictions {
  /** [B, A, 4 * regMax] */
  readonly boxes: Tensor;
  /** [B, A, 4] expectations of `boxes` in cells, without a gradient. */
  readonly distances: Tensor;
  /** [B, A, C] */
  readonly classes: Tensor;
  /** [B, A, 1] */
  readonly objectness: Tensor | undefined;
  readonly grid: AnchorGrid;
}

/** @param levels raw output, [B, 4 * regMax + C (+ 1), H, W] a level */
export function flatPredictions(levels: readonly Tensor[], shape: HeadShape): FlatPredictions {
  const { classCount, strides, regMax, objectness = false } = shape;
  const widths = [4 * regMax, classCount, ...(objectness ? [1] : [])];
  const { parts, expected } = flattenLevels(levels, widths, regMax);
  const [boxes, classes, quality] = parts;
  return {
    boxes: boxes!,
    distances: expected,
    classes: classes!,
    objectness: quality,
    grid: new AnchorGrid(
      levels.map(({ shape: [, , height, width] }) => ({ height: height!, width: width! })),
      strides,
    ),
  };
}
