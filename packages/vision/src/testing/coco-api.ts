/**
 * Random small cases and what the original COCO API made of them (pycocotools 2), one JSON a line in coco-api.jsonl: evaluations with crowds,
 * run lengths and unannotated points, and outlines as masks.
 */

import { readFileSync } from "node:fs";
import type { CocoIouType } from "../coco-json.js";
import type { CocoAnnotations, CocoDetection } from "../coco-rows.js";

export interface EvaluationCase {
  readonly iouType: CocoIouType;
  readonly annotations: CocoAnnotations;
  readonly detections: readonly CocoDetection[];
  /** In the order in which the API prints them. */
  readonly figures: readonly number[];
}

export interface OutlineCase {
  readonly size: readonly [height: number, width: number];
  readonly polygons: readonly (readonly number[])[];
  /** Compressed run lengths of their union. */
  readonly counts: string;
  readonly area: number;
  readonly box: readonly number[];
}

const cases = readFileSync(new URL("coco-api.jsonl", import.meta.url), "utf8")
  .trim()
  .split("\n")
  .map((line) => JSON.parse(line) as EvaluationCase | OutlineCase);

export const evaluationCases = cases.filter((one): one is EvaluationCase => "iouType" in one);
export const outlineCases = cases.filter((one): one is OutlineCase => "polygons" in one);
