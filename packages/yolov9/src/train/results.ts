/**
 * The figures of every epoch and the files that hold them: results.csv with the field's usual columns, and results.json with all that is
 * known.
 */
import { z } from "zod";
import type { ValidationResult } from "../validate/result.js";
import { fitness } from "./early-stopping.js";

const lossItems = z.object({ box: z.number(), cls: z.number(), dfl: z.number() });

/** One epoch. Numbers that a run of this length or data does not have are absent. */
export const EpochResult = z.object({
  /** 1 … epochs. */
  epoch: z.int(),
  /** Means over the batches, gains and auxiliary heads included. */
  train: lossItems,
  metrics: z
    .object({ precision: z.number(), recall: z.number(), AP50: z.number(), AP: z.number(), fitness: z.number() })
    .optional(),
  /** Means over the validation images, lead head. */
  val: lossItems.optional(),
  /** Learning rates of biases, decayed weights and norm weights at the end of the epoch. */
  lr: z.tuple([z.number(), z.number(), z.number()]),
  imagesPerSecond: z.number(),
  /** Wall time of training and of validation. */
  trainSeconds: z.number(),
  valSeconds: z.number(),
});
export type EpochResult = z.output<typeof EpochResult>;

/** What validation says of an epoch; nothing when there was none. */
export function epochFigures(result: ValidationResult | undefined): Pick<EpochResult, "metrics" | "val"> {
  if (result === undefined) return {};
  // A data set without a single object to find has no figures (-1), which is no fitness.
  const [AP50, AP] = [Math.max(result.AP50, 0), Math.max(result.AP, 0)];
  const { precision, recall, losses } = result;
  return {
    metrics: { precision, recall, AP50, AP, fitness: fitness({ AP50, AP }) },
    ...(losses === undefined ? {} : { val: { box: losses.box, cls: losses.cls, dfl: losses.dfl } }),
  };
}

const COLUMNS: readonly (readonly [name: string, value: (row: EpochResult) => number | undefined])[] = [
  ["epoch", (row) => row.epoch],
  ["train/box_loss", (row) => row.train.box],
  ["train/cls_loss", (row) => row.train.cls],
  ["train/dfl_loss", (row) => row.train.dfl],
  ["metrics/precision", (row) => row.metrics?.precision],
  ["metrics/recall", (row) => row.metrics?.recall],
  ["metrics/mAP_0.5", (row) => row.metrics?.AP50],
  ["metrics/mAP_0.5:0.95", (row) => row.metrics?.AP],
  ["val/box_loss", (row) => row.val?.box],
  ["val/cls_loss", (row) => row.val?.cls],
  ["val/dfl_loss", (row) => row.val?.dfl],
  ["x/lr0", (row) => row.lr[0]],
  ["x/lr1", (row) => row.lr[1]],
  ["x/lr2", (row) => row.lr[2]],
];

const DIGITS = 6;

/** Header and one line an epoch; a figure that was not measured is an empty cell. */
export function resultsCsv(rows: readonly EpochResult[]): string {
  const cell = (value: number | undefined) => (value === undefined ? "" : String(Number(value.toPrecision(DIGITS))));
  const lines = rows.map((row) => COLUMNS.map(([, value]) => cell(value(row))).join(","));
  return [COLUMNS.map(([name]) => name).join(","), ...lines, ""].join("\n");
}
