/** COCO in a folder that no file describes: annotation files in any folder of it, told from other JSON by how they begin. */

import { join } from "node:path";

import type { FileAccess } from "../file-access.js";
import { countPictures, filesOf, type FolderSurvey } from "../folder-survey.js";
import { SPLIT_NAMES, type SplitName } from "../sample.js";
import { splitOfName, splitOfPath } from "../split-of-path.js";
import type { Proposal } from "./format.js";

/** Prefixes of annotation files, best first: keypoint files hold only one category, but more about it. */
export const PREFIXES = ["instances_", "person_keypoints_", "annotations_"];

/** Files of COCO's that hold no boxes. */
const WITHOUT_BOXES = /^(captions|image_info|stuff|panoptic)_/iu;

/** Whether a key of COCO's stands in the beginning: such a file may have half a gigabyte. */
const COCO = /^\uFEFF?\s*\{[\s\S]*"(images|annotations|categories)"\s*:\s*\[/u;

/** So many JSON files are opened; a set with more of them has one a picture, which is another format. */
const OPENED = 30;

export async function proposeCoco(survey: FolderSurvey, files: FileAccess): Promise<Proposal | undefined> {
  const candidates = survey.folders.flatMap((folder) =>
    filesOf(folder, ".json").map((name) => ({ name, folder: folder.path })),
  );
  const found: { name: string; folder: string; split?: SplitName | undefined }[] = [];
  for (const { name, folder } of candidates.slice(0, OPENED)) {
    if (WITHOUT_BOXES.test(name) || !COCO.test(await files.beginning(join(survey.root, folder, name)))) continue;
    found.push({ name, folder, split: splitOfName(name) ?? splitOfPath(folder) });
  }
  const isNamed = found.some(({ split }) => split);
  const splits: Partial<Record<SplitName, string[]>> = {};
  for (const split of SPLIT_NAMES) {
    const own = found.filter((file) => (isNamed ? file.split : "train") === split);
    const best = Math.min(...own.map(({ name }) => rank(name)));
    const taken = own.filter(({ name }) => rank(name) === best);
    if (taken.length > 0) splits[split] = taken.map(({ folder, name }) => join(folder, name));
  }
  return found.length === 0 ? undefined : { description: { splits }, pictures: countPictures(survey) };
}

function rank(name: string): number {
  const index = PREFIXES.findIndex((prefix) => name.startsWith(prefix));
  return index < 0 ? PREFIXES.length : index;
}
