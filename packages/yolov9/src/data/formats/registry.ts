/** The data formats, in the order in which a folder's layout is compared with theirs. */

import { coco } from "./coco.js";
import { csv } from "./csv.js";
import type { DatasetFormat } from "./format.js";
import { voc } from "./voc.js";
import { yolo } from "./yolo.js";

export const formats: readonly DatasetFormat[] = [voc, coco, csv, yolo];

export const FORMAT_NAMES = formats.map(({ name }) => name);

/** @throws Error when there is no such format: names are checked where they come in */
export function formatNamed(name: string): DatasetFormat {
  const found = formats.find((format) => format.name === name);
  if (!found) throw new Error(`no data format is called "${name}"; there are ${FORMAT_NAMES.join(", ")}`);
  return found;
}
