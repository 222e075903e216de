/**
 * What one head predicts for a batch, with all levels in one row of anchors. Only the layout: which anchors learn what is
 * foreground.ts, what they lose head-loss.ts.
 */
import { cat } from "@yolov9/torch";
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
  /** [B, A, C] */
  readonly classes: Tensor;
  /** [B, A, 1] */
  readonly objectness: Tensor | undefined;
  readonly grid: AnchorGrid;
}

/** @param levels raw output, [B, 4 * regMax + C (+ 1), H, W] a level */
export function flattenLevels(levels: readonly Tensor[], shape: HeadShape): FlatPredictions {
  const { classCount, strides, regMax, objectness = false } = shape;
  const sizes = [4 * regMax, classCount, ...(objectness ? [1] : [])];
  const parts = levels.map((level) => level.split_with_sizes(sizes, 1).map(anchorsFirst));
  const all = (part: number): Tensor =>
    cat(
      parts.map((level) => level[part]!),
      1,
    );
  return {
    boxes: all(0),
    classes: all(1),
    objectness: objectness ? all(2) : undefined,
    grid: new AnchorGrid(
      levels.map(({ shape: [, , height, width] }) => ({ height: height!, width: width! })),
      strides,
    ),
  };
}

/** [B, C, H, W] → [B, H * W, C] in float32. */
function anchorsFirst(level: Tensor): Tensor {
  const [batch, channels] = level.shape;
  return level.permute([0, 2, 3, 1]).reshape([batch!, -1, channels!]).to({ dtype: "float32" });
}
