/** What `data check` can find: every kind with its severity, a title and what to do about it. The looking is in the files beside. */

import type { Problem, ProblemKind, SplitName } from "../sample.js";

export type Severity = "error" | "warning" | "info";

export const SEVERITIES: readonly Severity[] = ["error", "warning", "info"];

/** Kinds that are found by looking closer than a reader does. */
type CheckKind =
  | "dataset-unusable"
  | "split-empty"
  | "nothing-to-learn"
  | "image-damaged"
  | "image-wrong-extension"
  | "image-rotated"
  | "image-cmyk"
  | "image-16-bit"
  | "image-alpha"
  | "image-animated"
  | "image-blank"
  | "image-duplicate"
  | "image-near-duplicate"
  | "image-across-splits"
  | "image-near-across-splits"
  | "box-duplicate"
  | "box-extreme-aspect"
  | "box-under-two-pixels"
  | "class-without-objects"
  | "class-missing-in-split"
  | "class-imbalance";

export type FindingKind = ProblemKind | CheckKind;

export interface Finding extends Omit<Problem, "kind"> {
  readonly kind: FindingKind;
  readonly severity: Severity;
  readonly split?: SplitName;
  /** The image that `image` (or `file`) is compared with. */
  readonly other?: string;
}

interface KindFacts {
  readonly severity: Severity;
  readonly title: string;
  readonly advice: string;
  /** What `--fix` does about it; absent where only a person can tell what is right. */
  readonly repair?: "drop" | "clip";
}

/**
 * Every kind, gravest and most general first: the order of reports. An error stops training; what training leaves out or takes as it is
 * are warnings.
 */
export const FINDING_KINDS: Readonly<Record<FindingKind, KindFacts>> = {
  "dataset-unusable": { severity: "error", title: "Data set cannot be read", advice: "Nothing can be trained with it before this is corrected." },
  "split-empty": { severity: "error", title: "Split without usable image", advice: "Correct its path, or the images named below." },
  "split-without-labels": { severity: "error", title: "Split without any label file", advice: "Put the label files where they are looked for, or name their folder with `labels:`." },
  "nothing-to-learn": { severity: "error", title: "Training images without any object", advice: "Training needs at least one box: put label files where they are looked for, or correct the rows named below." },
  "image-missing": { severity: "warning", title: "Missing image", advice: "Take it out of the list or annotation file, or bring it back." },
  "image-unreadable": { severity: "warning", title: "Unreadable image", advice: "Replace the file or remove it; training leaves it out." },
  "image-damaged": { severity: "warning", title: "Damaged image", advice: "Its header is whole but its pixels are not: copy it again. Training leaves it out." },
  "image-huge": { severity: "warning", title: "Image with too many pixels", advice: "Cut it into tiles, or raise `--max-megapixels`." },
  "image-tiny": { severity: "warning", title: "Image of a few pixels", advice: "Probably an icon or damage; training leaves it out." },
  "image-size-differs": { severity: "warning", title: "Image of another size than its labels say", advice: "Labels were made for another version of the picture, or before its EXIF rotation was applied." },
  "image-across-splits": { severity: "warning", title: "Same file in two splits", advice: "Validation on training images says nothing: remove one." },
  "image-near-across-splits": { severity: "warning", title: "Nearly the same picture in two splits", advice: "Keep such pictures in one split: `yolov9 data split --group`." },
  "label-unreadable": { severity: "warning", title: "Unreadable label file", advice: "Training leaves the image out, or takes it for one without objects." },
  "row-malformed": { severity: "warning", title: "Label that cannot be understood", advice: "Correct the row; training skips it." },
  "class-unknown": { severity: "warning", title: "Class that the data set does not name", advice: "Add the name, or correct the number; training skips the row." },
  "id-unknown": { severity: "warning", title: "Annotation of an unknown image", advice: "Remove it, or list the image." },
  "id-duplicate": { severity: "warning", title: "Id that is used twice", advice: "Number images and annotations uniquely." },
  "box-no-area": { severity: "warning", title: "Box without area", advice: "Training skips it; `--fix` drops it.", repair: "drop" },
  "box-outside": { severity: "warning", title: "Box outside its image", advice: "Training skips it; `--fix` drops it.", repair: "drop" },
  "polygon-short": { severity: "warning", title: "Polygon with fewer than three points", advice: "Training skips it; `--fix` drops it from YOLO labels.", repair: "drop" },
  "mask-malformed": { severity: "warning", title: "Mask that cannot be understood", advice: "Training uses only the box." },
  "keypoints-malformed": { severity: "warning", title: "Keypoints that cannot be understood", advice: "Compare them with `kpt_shape`." },
  "box-sticks-out": { severity: "warning", title: "Box that sticks out of its image", advice: "Training cuts it at the edge, and so does `--fix`.", repair: "clip" },
  "box-duplicate": { severity: "warning", title: "Object that is labelled twice", advice: "`--fix` drops the second.", repair: "drop" },
  "row-duplicate": { severity: "warning", title: "Row that appears twice", advice: "Only the first counts; `--fix` drops the second.", repair: "drop" },
  "label-without-image": { severity: "warning", title: "Labels without image", advice: "Bring the image back, or remove the label file." },
  "link-cycle": { severity: "warning", title: "Link that leads back", advice: "Remove it; it is not followed." },
  "image-wrong-extension": { severity: "warning", title: "Image of another type than its name says", advice: "It works here; rename it for other programs." },
  "image-rotated": { severity: "warning", title: "Image with EXIF rotation", advice: "It is turned upright when read: make sure that its boxes were drawn on the upright picture." },
  "image-cmyk": { severity: "warning", title: "Image in CMYK", advice: "It is converted without colour profile; convert it to RGB as you want it." },
  "image-16-bit": { severity: "warning", title: "Image with 16 bits a channel", advice: "Only the upper 8 bits are used; stretch its range first if it is dark." },
  "image-duplicate": { severity: "warning", title: "Same file twice in a split", advice: "It counts twice in training and in every figure." },
  "image-near-duplicate": { severity: "warning", title: "Nearly the same picture twice in a split", advice: "Copies that were scaled or compressed anew add nothing." },
  "class-without-objects": { severity: "warning", title: "Class without objects", advice: "The model cannot learn it: remove the name or add examples." },
  "class-missing-in-split": { severity: "warning", title: "Class that a split lacks", advice: "Its figures will be missing, or it will not be learned: `yolov9 data split` stratifies." },
  "image-blank": { severity: "info", title: "Image of one colour", advice: "Perhaps a failed exposure." },
  "image-alpha": { severity: "info", title: "Image with transparency", advice: "Transparency is dropped, and what lies under it becomes visible." },
  "image-animated": { severity: "info", title: "Image of several frames", advice: "Only the first is used." },
  "image-without-label": { severity: "info", title: "Image without label file", advice: "It serves as background; make sure that it was looked at." },
  "image-unlisted": { severity: "info", title: "Image that is not used", advice: "No list or annotation file names it." },
  "box-extreme-aspect": { severity: "info", title: "Very long or narrow box", advice: "Often right, sometimes a slip of the mouse." },
  "box-under-two-pixels": { severity: "info", title: "Box narrower than two pixels", advice: "Too small to be seen by the network." },
  "class-imbalance": { severity: "info", title: "Rare class", advice: "Its figures will be uncertain; more examples help most." },
}; // prettier-ignore

const ORDER = new Map(Object.keys(FINDING_KINDS).map((kind, index) => [kind, index]));

export function findingOf(kind: FindingKind, facts: Omit<Finding, "kind" | "severity">): Finding {
  return { kind, severity: FINDING_KINDS[kind].severity, ...facts };
}

/** What a reader reported, as findings. */
export function findingsOf(problems: readonly Problem[]): Finding[] {
  return problems.map(({ kind = "row-malformed", ...facts }) => findingOf(kind, facts));
}

/** Findings of which the warnings count as errors. */
export function strictly(findings: readonly Finding[]): Finding[] {
  return findings.map((finding) => (finding.severity === "warning" ? { ...finding, severity: "error" } : finding));
}

/** Gravest first, then by kind, file and line. */
export function sortFindings(findings: readonly Finding[]): Finding[] {
  return [...findings].sort(
    (a, b) =>
      SEVERITIES.indexOf(a.severity) - SEVERITIES.indexOf(b.severity) ||
      ORDER.get(a.kind)! - ORDER.get(b.kind)! ||
      (a.file < b.file ? -1 : a.file > b.file ? 1 : 0) ||
      (a.line ?? 0) - (b.line ?? 0),
  );
}

/** Findings by kind, in the order of sorted findings. */
export function groupFindings(findings: readonly Finding[]): [FindingKind, [Finding, ...Finding[]]][] {
  const groups = new Map<FindingKind, [Finding, ...Finding[]]>();
  for (const finding of sortFindings(findings)) {
    const group = groups.get(finding.kind);
    if (group) group.push(finding);
    else groups.set(finding.kind, [finding]);
  }
  return [...groups];
}
