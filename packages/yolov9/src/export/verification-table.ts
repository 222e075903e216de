/** What was compared at export, in words: for a terminal. */
import type { ExportedModel } from "./export-model.js";
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
  if (reduction !== undefined) lines.push(`lower precision against float32: ${differences(reduction)}`);
  return lines;
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
