/** The data formats, in the order in which a folder's layout is compared with theirs. */

import { coco } from "./coco.js";
import type { DatasetFormat } from "./format.js";
import { voc } from "./voc.js";
import { yolo } from "./yolo.js";

export const formats: readonly DatasetFormat[] = [voc, coco, yolo];
