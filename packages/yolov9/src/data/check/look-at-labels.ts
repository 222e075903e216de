/** Findings that the labels alone give, beyond what a reader reports: repeated and odd boxes, and classes that are rare or missing. */

import { boxOf, SPLIT_NAMES, type Dataset, type Sample, type SplitName } from "../sample.js";
import { findingOf, type Finding } from "./findings.js";
import type { Statistics } from "./statistics.js";

/** Longer side over shorter side from which a box is told as odd. */
const EXTREME_ASPECT = 20;
/** Pixels under which a box's side is told. */
const THIN = 2;
/** Coordinates that agree to this many pixels are the same. */
const SAME = 0.01;
/** A class with less than this share of the commonest one's objects is rare. */
const RARE = 0.02;

export function lookAtLabels({ splits, names }: Pick<Dataset, "splits" | "names">, statistics: Statistics): Finding[] {
  const boxes = SPLIT_NAMES.flatMap((split) =>
    (splits[split] ?? []).flatMap((sample) => lookAtBoxes(sample, split, names)),
  );
  return [...boxes, ...lookAtClasses(statistics)];
}

function lookAtBoxes(sample: Sample, split: SplitName, names: readonly string[]): Finding[] {
  const findings: Finding[] = [];
  const seen = new Map<string, number>();
  for (let row = 0; row < sample.classes.length; row++) {
    if (sample.crowd[row] !== 0) continue;
    const box = boxOf(sample, row);
    const name = names[sample.classes[row]!]!;
    const tell = (kind: Finding["kind"], reason: string) =>
      void findings.push(findingOf(kind, { ...placeOf(sample, row), split, image: sample.path, box, reason }));
    const key = [sample.classes[row]!, ...box.map((value) => Math.round(value / SAME))].join(" ");
    const earlier = seen.get(key);
    if (earlier === undefined) seen.set(key, row);
    else tell("box-duplicate", `${name} at ${box.map(short).join(" ")} is labelled twice`);
    const [width, height] = [box[2] - box[0], box[3] - box[1]];
    if (Math.min(width, height) < THIN)
      tell("box-under-two-pixels", `${name} of ${short(width)} x ${short(height)} px`);
    else if (Math.max(width / height, height / width) > EXTREME_ASPECT) {
      tell("box-extreme-aspect", `${name} of ${short(width)} x ${short(height)} px`);
    }
  }
  return findings;
}

/** Where the row was read, as far as the reader told. */
function placeOf({ path, places }: Sample, row: number): { file: string; line?: number; row?: number } {
  return places?.[row] ?? { file: path };
}

function short(value: number): number {
  return Math.round(value * 10) / 10;
}

function lookAtClasses({ names, splits }: Statistics): Finding[] {
  const entries = Object.entries(splits);
  const totals = names.map((_, index) => entries.reduce((sum, [, { classes }]) => sum + classes[index]!, 0));
  const most = Math.max(0, ...totals);
  if (most === 0) return [];
  return names.flatMap((name, index): Finding[] => {
    const total = totals[index]!;
    const file = `class ${index}`;
    if (total === 0)
      return [findingOf("class-without-objects", { file, reason: `"${name}" has no object in any split` })];
    const lacking = entries.filter(([, figures]) => figures.objects > 0 && figures.classes[index] === 0);
    const missing = lacking.map(([split]) =>
      findingOf("class-missing-in-split", { file, reason: `"${name}" has ${total} objects, none of them in ${split}` }),
    );
    if (total >= RARE * most) return missing;
    const reason = `"${name}" has ${total} objects, the commonest class ${most}`;
    return [...missing, findingOf("class-imbalance", { file, reason })];
  });
}
