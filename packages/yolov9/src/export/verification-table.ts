/** What was compared at export, in words: for a terminal. */
import type { ExportedModel } from "./export-model.js";
import { BEST, type FileAgreement } from "./file-agreement.js";
import { TOLERANCE, type ExportVerification, type OutputDifference } from "./verify-export.js";

const STEPS: readonly (readonly [keyof ExportVerification, string])[] = [
  ["detaching", "training model against detached"],
  ["fusing", "detached against fused"],
  ["runtime", "fused, libtorch against ONNX Runtime"],
];

/** One line for every comparison, or one for the largest differences of all; lower precision has a line of its own. */
export function verificationTable(
  { verification, reduction }: Pick<ExportedModel, "verification" | "reduction">,
  all: boolean,
): string[] {
  const lines = comparisons(verification, all);
  if (reduction !== undefined) lines.push(`lower precision against float32, on ${agreement(reduction)}`);
  return lines;
}

/** COCO's figures of the float32 file without suppression, and of the written one. */
export interface MeasuredFiles {
  reference: { AP: number; AP50: number };
  file: { AP: number; AP50: number };
}

/** One line: what average precision was and is. */
export function precisionTable({ reference, file }: MeasuredFiles): string {
  if (file === reference) return `AP ${reference.AP.toFixed(4)}, AP50 ${reference.AP50.toFixed(4)}`;
  const change = (name: "AP" | "AP50"): string => {
    const [before, after] = [reference[name].toFixed(4), file[name].toFixed(4)];
    const difference = Number(after) - Number(before);
    return `${name} ${before} → ${after} (${difference > 0 ? "+" : ""}${difference.toFixed(4)})`;
  };
  return `float32, unsuppressed → the written file: ${change("AP")}, ${change("AP50")}`;
}

function agreement(compared: FileAgreement): string {
  const { images, source, confidence, detections, found, others, share } = compared;
  const { meanIou, meanScoreDifference, largestScoreDifference } = compared;
  const where = source === "calibration" ? `${images} calibration images` : `${images} pictures of random colours`;
  const what = confidence === undefined ? `the ${BEST} best of each` : `confidence over ${confidence}`;
  if (share === undefined) return `${where}: no detections`;
  const counts = `${found} of ${detections} detections found again (${(share * 100).toFixed(1)} %), ${others} new`;
  if (meanIou === undefined) return `${where}, ${what}: ${counts}`;
  const [mean, most] = [meanScoreDifference!.toPrecision(2), largestScoreDifference!.toPrecision(2)];
  const scores = `scores differ by ${mean} on average, ${most} at most`;
  return `${where}, ${what}: ${counts}; mean IoU ${meanIou.toFixed(3)}; ${scores}`;
}

function comparisons(verification: ExportVerification, all: boolean): string[] {
  const allowed = `allowed ${TOLERANCE.box} px and ${TOLERANCE.score}`;
  if (!all) {
    const worst = (kind: keyof OutputDifference): number =>
      Math.max(...STEPS.map(([step]) => verification[step][kind]));
    return [`lead output checked: ${differences({ box: worst("box"), score: worst("score") })}; ${allowed}`];
  }
  const width = Math.max(...STEPS.map(([, title]) => title.length)) + 2;
  const rows = STEPS.map(([step, title]) => `  ${title.padEnd(width)}${differences(verification[step])}`);
  return [`largest differences of the lead output (${allowed}):`, ...rows];
}

function differences({ box, score }: OutputDifference): string {
  return `boxes ${number(box)} px, scores ${number(score)}`;
}

function number(value: number): string {
  return value === 0 ? "0" : value.toExponential(1);
}
