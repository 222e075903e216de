/**
 * Pascal VOC's annotation files as text: reading one, an object of one as a row of a sample, and changing single objects of one. Which
 * files there are is voc.ts.
 */

import { XMLParser } from "fast-xml-parser";
import { z } from "zod";

import { messageOf } from "../../error-message.js";
import type { FileAccess } from "../file-access.js";
import type { ImageSize } from "../image-files.js";
import type { RowEdit } from "../row-edit.js";
import type { BoxRow } from "../sample-builder.js";
import type { Attributes } from "../sample.js";
import { stemOf } from "../split-of-path.js";
import { linesOf } from "./lines.js";
import { unbalancedTag } from "./xml-text.js";

const number = z.string().trim().min(1).pipe(z.coerce.number());

const objectSchema = z.object({
  name: z.string().trim().min(1),
  difficult: z.string().optional(),
  pose: z.string().trim().optional(),
  truncated: z.string().trim().optional(),
  occluded: z.string().trim().optional(),
  bndbox: z.object({ xmin: number, ymin: number, xmax: number, ymax: number }),
});

/** Facts of an object that are kept as attributes, each with the value that says nothing. */
export const UNSAID = { pose: "Unspecified", truncated: "0", occluded: "0" } as const;

const annotationSchema = z.object({
  annotation: z.object({
    size: z.object({ width: number, height: number }).optional(),
    object: z.array(z.unknown()).default([]),
  }),
});

type VocContent = z.infer<typeof objectSchema>;

export interface VocObject {
  readonly line: number;
  /** The object, or why it cannot be used. */
  readonly content: VocContent | string;
}

export interface Annotation {
  readonly stem: string;
  readonly file: string;
  readonly objects: readonly VocObject[];
  /** As the file says; absent when it says nothing or zero. */
  readonly size?: ImageSize;
  readonly missing?: boolean;
  /** Set when the file as a whole cannot be used. */
  readonly failure?: { line?: number; reason: string };
}

const parser = new XMLParser({ parseTagValue: false, isArray: (name) => name === "object" });

export async function readAnnotation(file: string, files: FileAccess): Promise<Annotation> {
  const stem = stemOf(file);
  const failed = (reason: string, line?: number): Annotation => {
    return { stem, file, objects: [], failure: line === undefined ? { reason } : { reason, line } };
  };
  const text = await files.text(file).catch((error: unknown) => new Error(messageOf(error)));
  if (text === undefined) return { ...failed("annotation file is missing"), missing: true };
  if (text instanceof Error) return failed(`cannot read the annotation (${text.message})`);
  // The parser forgives missing ends; half an annotation must not pass for a whole one.
  if (!text.trimEnd().endsWith("</annotation>")) {
    return failed("does not end with </annotation>: truncated or no VOC annotation", linesOf(text.trimEnd()).length);
  }
  // A document type may define entities that multiply into gigabytes, and no annotation needs one.
  if (/<!DOCTYPE/i.test(text)) return failed("has a document type definition, which is not read");
  const unbalanced = unbalancedTag(text);
  if (unbalanced) return failed(`not an XML file: ${unbalanced.reason}`, unbalanced.line);
  const content = parseXml(text);
  if (content instanceof Error) return failed(`not an XML file: ${content.message}`);
  const result = annotationSchema.safeParse(content);
  if (!result.success) return failed(`not a VOC annotation: ${firstIssue(result.error)}`);
  const { size, object } = result.data.annotation;
  const lines = objectLines(text);
  const objects = object.map((content, index) => ({ line: lines[index] ?? 1, content: parseObject(content) }));
  return { stem, file, objects, ...(size && size.width > 0 && size.height > 0 && { size }) };
}

function parseXml(text: string): unknown {
  try {
    return parser.parse(text);
  } catch (error) {
    return new Error(messageOf(error).replace(/\s+/g, " "));
  }
}

function parseObject(content: unknown): VocObject["content"] {
  const result = objectSchema.safeParse(content);
  return result.success ? result.data : firstIssue(result.error);
}

function firstIssue(error: z.ZodError): string {
  const issue = error.issues[0]!;
  return `${issue.path.join(".") || "content"}: ${issue.message}`;
}

/** 1-based lines on which the objects begin, in order: the parser does not tell. */
function objectLines(text: string): number[] {
  const lines: number[] = [];
  let line = 1;
  for (const [token] of text.matchAll(/\n|<object[\s>]/g)) {
    if (token !== "\n") lines.push(line);
    if (token.endsWith("\n")) line++;
  }
  return lines;
}

export function toRow(object: VocContent, classIndex: number): BoxRow {
  const { xmin, ymin, xmax, ymax } = object.bndbox;
  const said = Object.entries(UNSAID).flatMap(([key, unsaid]) => {
    const value = object[key as keyof typeof UNSAID];
    return value === undefined || value === "" || value === unsaid ? [] : [[key, value] as const];
  });
  const attributes: Attributes = Object.fromEntries(said);
  return {
    classIndex,
    box: [xmin, ymin, xmax, ymax],
    crowd: object.difficult?.trim() === "1",
    ...(said.length > 0 && { attributes }),
  };
}

/** Of written coordinates. */
export const DECIMALS = 3;

/** Objects are found by their tags, so that everything around them stays as it is to the last blank. */
export function repairVoc(text: string, edits: readonly RowEdit[]): string {
  const changes = new Map(edits.map(({ row, change }) => [row, change]));
  let row = -1;
  return text.replace(/(?<![ \t])[ \t]*<object[\s>][\s\S]*?<\/object>[ \t]*(\r?\n)?/g, (object) => {
    const change = changes.get(++row);
    if (change === undefined) return object;
    if (change === "drop") return "";
    const [xmin, ymin, xmax, ymax] = change.box;
    return Object.entries({ xmin, ymin, xmax, ymax }).reduce(
      (edited, [tag, value]) =>
        edited.replace(new RegExp(`(<${tag}>)[^<]*(</${tag}>)`), `$1${Number(value.toFixed(DECIMALS))}$2`),
      object,
    );
  });
}
