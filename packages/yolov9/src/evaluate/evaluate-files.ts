/** COCO files in, figures out: what `yolov9 evaluate` computes. The evaluator itself is in @yolov9/vision and needs no files. */
import {
  evaluateCoco,
  evaluationInputFromCoco,
  vocAveragePrecision,
  type CocoEvaluation,
  type CocoIouType,
} from "@yolov9/vision";
import { classNameOf } from "../class-name.js";
import { UsageError, type EvaluateConfig } from "../config/index.js";
import { CocoFileError, readDetections, readGroundTruth } from "./coco-files.js";

export interface FileEvaluation extends CocoEvaluation {
  /** Class names by category id, where the file has them. */
  readonly names: ReadonlyMap<number, string>;
  /** Pascal VOC's AP50, where it was asked for. */
  readonly voc?: { readonly area: number; readonly elevenPoints: number };
}

/** @throws CocoFileError when a file cannot be read as COCO's, or its rows lack what the comparison needs */
export async function evaluateFiles(config: EvaluateConfig): Promise<FileEvaluation> {
  const { gt, dt, iouType, sigmas, voc } = config;
  if (voc && iouType !== "bbox") throw new UsageError(`--voc compares boxes, not ${iouType}`);
  const truth = await readGroundTruth(gt);
  const detections = await readDetections(dt);
  try {
    const evaluation = evaluateCoco(truth, detections, { iouType, sigmas });
    const names = new Map((truth.categories ?? []).map(({ id, name }) => [id, name ?? String(id)]));
    if (!voc) return { ...evaluation, names };
    const input = evaluationInputFromCoco(truth, detections);
    const { area, elevenPoints } = vocAveragePrecision(input.truths, input.detections, { boxFormat: "xywh" });
    return { ...evaluation, names, voc: { area, elevenPoints } };
  } catch (error) {
    if (error instanceof RangeError) throw new CocoFileError(`${gt} and ${dt}: ${error.message}`);
    throw error;
  }
}

/** Figure, the API's words for it, and where it is measured. */
const WORDING: readonly (readonly [name: string, what: string, where: string])[] = [
  ["AP", "average precision", "IoU 0.50:0.95, all sizes"],
  ["AP50", "average precision", "IoU 0.50, all sizes"],
  ["AP75", "average precision", "IoU 0.75, all sizes"],
  ["APs", "average precision", "IoU 0.50:0.95, small"],
  ["APm", "average precision", "IoU 0.50:0.95, medium"],
  ["APl", "average precision", "IoU 0.50:0.95, large"],
  ["AR1", "average recall", "at most 1 detection a class and image"],
  ["AR10", "average recall", "at most 10"],
  ["AR100", "average recall", "at most 100"],
  ["AR", "average recall", "IoU 0.50:0.95, all sizes"],
  ["AR50", "average recall", "IoU 0.50, all sizes"],
  ["AR75", "average recall", "IoU 0.75, all sizes"],
  ["ARs", "average recall", "IoU 0.50:0.95, small"],
  ["ARm", "average recall", "IoU 0.50:0.95, medium"],
  ["ARl", "average recall", "IoU 0.50:0.95, large"],
];

type Figures = Readonly<Record<string, number>>;

/** The plain figures of a result or a class. */
function figuresOf(result: object): Figures {
  const known = new Set(WORDING.map(([name]) => name));
  return Object.fromEntries(Object.entries(result).filter(([name]) => known.has(name)));
}

/** The figures as lines for a terminal. */
export function evaluationText({ result, names, voc, iouType }: FileEvaluation, perClass: boolean): string {
  const figures = figuresOf(result);
  const rows = [
    ...WORDING.filter(([name]) => name in figures).map(([name, what, where]) => [name, figures[name]!, what, where]),
    ...(voc === undefined
      ? []
      : [
          ["VOC", voc.area, "average precision", "IoU 0.50, area under the curve (VOC 2010 on)"],
          ["VOC11", voc.elevenPoints, "average precision", "IoU 0.50, eleven points (VOC 2007)"],
        ]),
  ] as const;
  const lines = rows.map(
    ([name, value, what, where]) => `${String(name).padEnd(6)} ${figure(Number(value))}  ${what}, ${where}`,
  );
  const { all, small, medium, large } = result.objects;
  const counted = `${iouType}: ${all} objects (${small} small, ${medium} medium, ${large} large)`;
  return [counted, ...lines, ...(perClass ? ["", classTable(result.perClass, names)] : [])].join("\n");
}

function classTable(
  perClass: readonly (object & { classId: number; objects: number })[],
  names: FileEvaluation["names"],
): string {
  const columns = Object.keys(figuresOf(perClass[0] ?? {}));
  const name = (id: number) => classNameOf(names, id);
  const width = Math.max(5, ...perClass.map(({ classId }) => name(classId).length)) + 2;
  const line = (first: string, cells: readonly string[]) =>
    first.padEnd(width) + cells.map((c) => c.padStart(9)).join("");
  return [
    line("class", ["objects", ...columns]),
    ...perClass.map((row) => {
      const figures = figuresOf(row);
      return line(name(row.classId), [String(row.objects), ...columns.map((column) => figure(figures[column]!))]);
    }),
  ].join("\n");
}

function figure(value: number): string {
  return value < 0 ? "   –  " : value.toFixed(4);
}

/** What `--json` prints. */
export function evaluationJson(
  { result, names, voc, iouType, images, skipped }: FileEvaluation,
  perClass: boolean,
): Record<string, unknown> {
  return {
    iouType: iouType satisfies CocoIouType,
    images,
    ...figuresOf(result),
    ...(voc !== undefined && { voc }),
    objects: result.objects,
    skipped,
    ...(perClass && {
      perClass: result.perClass.map((row) => ({
        id: row.classId,
        name: classNameOf(names, row.classId),
        objects: row.objects,
        ...figuresOf(row),
      })),
    }),
  };
}
