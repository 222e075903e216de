/**
 * Reads COCO annotation and result files for evaluation, checked row by row, so that a mistake is named with file and row. Pictures are
 * neither needed nor looked for; opening a data set with its pictures is in data/.
 */
import { readFile } from "node:fs/promises";
import type { CocoAnnotations, CocoDetection } from "@yolov9/vision";
import { z } from "zod";
import { messageOf } from "../error-message.js";

/** A file that cannot be evaluated; the message says where and why. */
export class CocoFileError extends Error {
  override readonly name = "CocoFileError";
}

const imageId = z.union([z.int(), z.string()]);

const segmentation = z.union([
  z.array(z.array(z.number())),
  z.object({ size: z.array(z.int()).length(2), counts: z.union([z.string(), z.array(z.int())]) }),
]);

const numbers = z.array(z.number());

const image = z.object({ id: imageId, width: z.number().optional(), height: z.number().optional() });

const annotation = z.object({
  id: imageId.nullish(),
  image_id: imageId,
  category_id: z.int(),
  bbox: numbers.nullish(),
  area: z.number().nullish(),
  iscrowd: z.union([z.number(), z.boolean()]).nullish(),
  segmentation: segmentation.nullish(),
  keypoints: numbers.nullish(),
  num_keypoints: z.number().nullish(),
});

const category = z.object({ id: z.int(), name: z.string().optional() });

const annotationFile = z.object({
  images: z.array(z.unknown()),
  annotations: z.array(z.unknown()),
  categories: z.array(category).optional(),
});

const detection = z.object({
  image_id: imageId,
  category_id: z.int(),
  score: z.number(),
  bbox: numbers.nullish(),
  segmentation: segmentation.nullish(),
  keypoints: numbers.nullish(),
});

export interface CocoGroundTruth extends CocoAnnotations {
  readonly categories?: readonly { readonly id: number; readonly name?: string | undefined }[] | undefined;
}

/** @throws CocoFileError naming the first row that is wrong */
export async function readGroundTruth(path: string): Promise<CocoGroundTruth> {
  const file = annotationFile.safeParse(await readJson(path));
  if (!file.success) {
    throw new CocoFileError(
      `${path}: not a COCO annotation file (${firstIssue(file.error)}); it needs "images" and "annotations"`,
    );
  }
  return {
    images: rowsOf(path, "images", image, file.data.images),
    annotations: rowsOf(path, "annotations", annotation, file.data.annotations),
    categories: file.data.categories,
  };
}

/** @throws CocoFileError naming the first row that is wrong */
export async function readDetections(path: string): Promise<CocoDetection[]> {
  const rows = z.array(z.unknown()).safeParse(await readJson(path));
  if (!rows.success) {
    throw new CocoFileError(`${path}: not a COCO result file; it must be a list of rows with image_id and score`);
  }
  return rowsOf(path, "", detection, rows.data);
}

/** Checked rows as they are: copies of half a million of them would take longer than evaluating them. No schema here changes what it checks. */
function rowsOf<Row>(path: string, list: string, schema: z.ZodType<Row>, rows: readonly unknown[]): Row[] {
  for (const [i, row] of rows.entries()) {
    const { error } = schema.safeParse(row);
    if (error !== undefined) throw new CocoFileError(`${path}: ${list}[${i}]: ${firstIssue(error)}`);
  }
  return rows as Row[];
}

function firstIssue(error: z.ZodError): string {
  const [issue] = error.issues;
  return `${issue?.path.join(".") ?? ""}: ${issue?.message ?? "invalid"}`;
}

async function readJson(path: string): Promise<unknown> {
  const text = await readFile(path, "utf8");
  try {
    return JSON.parse(text.replace(/^\uFEFF/, ""));
  } catch (error) {
    throw new CocoFileError(`${path}: not a JSON file: ${messageOf(error)}`);
  }
}
