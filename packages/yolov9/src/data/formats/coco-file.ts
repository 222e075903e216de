/**
 * COCO's annotation files as text: what they look like, reading one, and changing single annotations of one. What the annotations
 * mean is coco.ts.
 */

import { z } from "zod";

import { messageOf } from "../../error-message.js";
import type { FileAccess } from "../file-access.js";
import type { RowEdit } from "../row-edit.js";
import { DatasetError } from "../sample.js";
import { elementLines } from "./json-lines.js";
import { issueLines } from "../../issue-text.js";

export const cocoId = z.union([z.number(), z.string()]);

export const annotationSchema = z.object({
  id: cocoId.optional(),
  image_id: cocoId,
  category_id: z.number().int(),
  bbox: z.tuple([z.number(), z.number(), z.number(), z.number()]),
  area: z.number().optional(),
  iscrowd: z.union([z.number(), z.boolean()]).optional(),
  segmentation: z.unknown().optional(),
  keypoints: z.array(z.number()).optional(),
  attributes: z.record(z.string(), z.unknown()).optional(),
});

const imageSchema = z.object({
  id: cocoId,
  file_name: z.string().min(1),
  width: z.number().positive().optional(),
  height: z.number().positive().optional(),
});

/** Every object takes room for all points of its category. */
const MOST_KEYPOINTS = 1000;

const categorySchema = z.object({
  id: z.number().int(),
  name: z.string(),
  keypoints: z.array(z.string()).max(MOST_KEYPOINTS).optional(),
});

const fileSchema = z.object({
  images: z.array(imageSchema),
  annotations: z.array(z.unknown()).default([]),
  categories: z.array(categorySchema).min(1),
});

export type CocoAnnotation = z.infer<typeof annotationSchema>;
export type CocoFile = z.infer<typeof fileSchema>;
export type CocoImage = z.infer<typeof imageSchema>;

/** A file's content, and where its elements stand. */
export interface ReadCocoFile {
  readonly content: CocoFile;
  /** 1-based line of each element of an array of the file. Found out only when something is to be reported. */
  readonly linesOf: (key: "images" | "annotations") => readonly number[];
}

/** @throws DatasetError when there is no such file, or it is of another kind */
export async function readCocoFile(file: string, files: FileAccess): Promise<ReadCocoFile> {
  const text = await files.text(file).catch((error: unknown) => {
    throw new DatasetError(`${file}: cannot read this annotation file (${messageOf(error)})`);
  });
  if (text === undefined) throw new DatasetError(`${file}: cannot read this annotation file (it does not exist)`);
  let content: unknown;
  try {
    content = JSON.parse(text.replace(/^\uFEFF/, ""));
  } catch (error) {
    throw new DatasetError(`${file}: not a JSON file: ${messageOf(error)}`);
  }
  const result = fileSchema.safeParse(content);
  if (!result.success)
    throw new DatasetError(`${file}: not a COCO file: ${issueLines(result.error, content).slice(0, 3).join("; ")}`);
  const lines = new Map<string, readonly number[]>();
  const linesOf = (key: string): readonly number[] => {
    // A file in one line has nothing to tell.
    if (!lines.has(key)) lines.set(key, text.trim().includes("\n") ? elementLines(text, key) : []);
    return lines.get(key)!;
  };
  return { content: result.data, linesOf };
}

/** Decimals of written coordinates: more would be the noise of 32-bit floats. */
const DECIMALS = 3;

export function rounded(value: number): number {
  return Number(value.toFixed(DECIMALS));
}

const repairable = z.looseObject({ annotations: z.array(z.unknown()).default([]) });

/** The text with some annotations changed or dropped, and everything else as it was. */
export function repairCoco(text: string, edits: readonly RowEdit[]): string {
  const content = repairable.parse(JSON.parse(text.replace(/^\uFEFF/, "")));
  const changes = new Map(edits.map(({ row, change }) => [row, change]));
  const annotations = content.annotations.flatMap((annotation, row) => {
    const change = changes.get(row);
    if (change === undefined) return [annotation];
    if (change === "drop") return [];
    const [x1, y1, x2, y2] = change.box;
    return [{ ...z.looseObject({}).parse(annotation), bbox: [x1, y1, x2 - x1, y2 - y1].map(rounded) }];
  });
  const indent = /^\s*[{[]\s*\n(\s+)/.exec(text)?.[1];
  return `${JSON.stringify({ ...content, annotations }, undefined, indent)}\n`;
}
