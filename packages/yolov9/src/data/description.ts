/**
 * The YAML file that describes a dataset, checked once at the border. Paths stay as written; formats resolve them. Keys of other tools
 * (`download`, `roboflow`, …) are let through and never acted on.
 */

import { readFile } from "node:fs/promises";
import { dirname, resolve } from "node:path";

import { parse } from "yaml";
import { z } from "zod";

import { DatasetError, type SplitName } from "./sample.js";

const paths = z.union([z.string().min(1), z.array(z.string().min(1)).min(1)]).nullish();

const namesSchema = z.union([
  z.array(z.coerce.string()).min(1),
  z.record(z.string().regex(/^\d+$/, "class numbers are whole and not negative"), z.coerce.string()),
]);

const descriptionSchema = z.looseObject({
  format: z.enum(["yolo", "voc", "coco"]).default("yolo"),
  path: z.string().min(1).nullish(),
  train: paths,
  val: paths,
  test: paths,
  names: namesSchema.nullish(),
  nc: z.number().int().positive().nullish(),
  /** COCO and VOC: the folder of the images, where it is not the usual one. */
  images: z.string().min(1).nullish(),
});

/** A dataset's description with its root made absolute. */
export interface Description {
  /** The YAML file, or the folder when there is none: what error messages name. */
  readonly source: string;
  readonly root: string;
  /** Entries as written, relative to the root; a split without entry is absent. */
  readonly splits: Partial<Record<SplitName, string[]>>;
  readonly names?: string[];
  readonly images?: string;
}

/**
 * Read and check a description file.
 * @throws DatasetError naming the file, the key and what is wrong with it
 */
export async function readDescription(file: string): Promise<{ format: string; description: Description }> {
  const text = await readFile(file, "utf8");
  let content: unknown;
  try {
    content = parse(text);
  } catch (error) {
    throw new DatasetError(`${file}: not a YAML file: ${error instanceof Error ? error.message : String(error)}`);
  }
  const result = descriptionSchema.safeParse(content ?? {});
  if (!result.success) throw new DatasetError(`${file}: ${z.prettifyError(result.error)}`);
  const { format, path, names, nc, images } = result.data;
  const nameList = names ? orderNames(names, file) : undefined;
  if (nameList && nc && nameList.length !== nc) {
    throw new DatasetError(`${file}: nc is ${nc} but names lists ${nameList.length} classes; drop nc or correct it`);
  }
  const description: Description = {
    source: file,
    root: resolve(dirname(file), path ?? "."),
    splits: splitEntries(result.data),
    ...(nameList && { names: nameList }),
    ...(images && { images }),
  };
  return { format, description };
}

function splitEntries(data: z.infer<typeof descriptionSchema>): Description["splits"] {
  const splits: Description["splits"] = {};
  for (const split of ["train", "val", "test"] as const) {
    const entry = data[split];
    if (entry) splits[split] = typeof entry === "string" ? [entry] : entry;
  }
  return splits;
}

/** Names by class number. A dict must name every number from 0 on, else classes would silently move. */
function orderNames(names: z.infer<typeof namesSchema>, file: string): string[] {
  if (Array.isArray(names)) return names;
  const count = Object.keys(names).length;
  return Array.from({ length: count }, (_, index) => {
    const name = names[String(index)];
    if (name === undefined) {
      throw new DatasetError(
        `${file}: names has ${count} entries but none for class ${index}; number them 0..${count - 1}`,
      );
    }
    return name;
  });
}
