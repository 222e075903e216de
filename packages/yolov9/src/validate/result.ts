/** What a validation measures, and how it is printed. Numbers only; drawing curves is a matter of its own. */
import type { CocoFigures, ObjectCounts } from "@yolov9/vision";

export interface ClassResult {
  readonly name: string;
  /** Images that have the class. */
  readonly images: number;
  /** Objects of the class, crowds not counted. */
  readonly instances: number;
  readonly precision: number;
  readonly recall: number;
  readonly f1: number;
  readonly AP50: number;
  readonly AP: number;
}

/** COCO's figures are 0 … 1, or −1 where there is nothing to find (no object of that size). */
export interface ValidationResult extends CocoFigures {
  /** Means over classes at `confidence`, at IoU 0.5. */
  readonly precision: number;
  readonly recall: number;
  readonly f1: number;
  /** Where the mean F1 over classes is best. */
  readonly confidence: number;
  /** Classes that have objects, in the order of the data set. */
  readonly perClass: readonly ClassResult[];
  /** Means over images with gains applied, where a loss was given. */
  readonly losses?: { readonly box: number; readonly cls: number; readonly dfl: number; readonly total: number };
  /** Mean milliseconds an image: waiting for decoded images, the network, suppression. */
  readonly speed: { readonly preprocess: number; readonly inference: number; readonly nms: number };
  readonly images: number;
  readonly instances: number;
  /** Objects up to 32², up to 96² and above, in square pixels. */
  readonly objectsBySize: ObjectCounts;
}

const COLUMNS = ["Images", "Instances", "P", "R", "mAP50", "mAP50-95"] as const;
const NUMBER_WIDTH = 10;

/** The result as a table for a terminal: a row for all classes, then one for each class. */
export function resultTable(result: ValidationResult): string {
  const rows = [{ name: "all", ...result }, ...(result.perClass.length > 1 ? result.perClass : [])];
  const nameWidth = Math.max(...rows.map(({ name }) => name.length), "Class".length) + 2;
  const line = (name: string, cells: readonly string[]): string =>
    name.padEnd(nameWidth) + cells.map((cell) => cell.padStart(NUMBER_WIDTH)).join("");
  return [
    line("Class", COLUMNS),
    ...rows.map(({ name, images, instances, precision, recall, AP50, AP }) =>
      line(name, [String(images), String(instances), ...[precision, recall, AP50, AP].map(figure)]),
    ),
  ].join("\n");
}

/** One line with COCO's further figures, losses and speed. */
export function resultSummary(result: ValidationResult): string {
  const { AP75, APs, APm, APl, AR100, losses, speed } = result;
  const parts = [
    `AP75 ${figure(AP75)}, AP small/medium/large ${figure(APs)}/${figure(APm)}/${figure(APl)}, AR100 ${figure(AR100)}`,
    ...(losses === undefined
      ? []
      : [`losses: box ${losses.box.toFixed(4)}, cls ${losses.cls.toFixed(4)}, dfl ${losses.dfl.toFixed(4)}`]),
    `speed: ${speed.preprocess.toFixed(1)} ms preprocess, ${speed.inference.toFixed(1)} ms inference, ${speed.nms.toFixed(1)} ms NMS an image`,
  ];
  return parts.join("\n");
}

/** A share as text; a dash where there is nothing to measure. */
export function figure(value: number): string {
  return value < 0 ? "–" : value.toFixed(3);
}
