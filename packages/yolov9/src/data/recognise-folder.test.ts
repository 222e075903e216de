import { mkdir, symlink } from "node:fs/promises";
import { join } from "node:path";

import { describe, expect, it } from "vitest";

import { describeDataset, openDataset } from "./dataset.js";
import { DatasetError, type Dataset } from "./sample.js";
import { testFolder, type Files } from "./testing/folders.js";
import { bySplit, cocoOf, LAYOUT_CLASSES, placed, rowOf, sevenLayouts, shapes, xmlOf } from "./testing/layouts.js";

const all = await shapes(10);
const names = LAYOUT_CLASSES;

/** Images of each split as given, and whether every box came back. */
function counts({ splits }: Dataset): Record<string, number> {
  for (const sample of Object.values(splits).flat()) {
    const { box, classIndex } = all.find(({ stem }) => stem === sample.id || `${stem}.jpg` === sample.id || sample.path.endsWith(`/${stem}.jpg`))!; // prettier-ignore
    expect([...sample.classes]).toEqual([classIndex]);
    [...sample.boxes].forEach((value, i) => expect(value).toBeCloseTo(box[i]!, 3));
  }
  return Object.fromEntries(Object.entries(splits).map(([split, samples]) => [split, samples.length]));
}

const three = { train: 6, val: 2, test: 2 };
const inSplits = (images: string, labels: string, form: "xml" | "txt", splits: readonly [string, string, string?] = ["train", "valid", "test"]) =>
  bySplit(all, splits, (part, split) => placed(part, images.replace("*", split), labels.replace("*", split), form)); // prettier-ignore
const json = (name: string) =>
  bySplit(all, ["train", "valid", "test"], (part, split) => ({
    ...Object.fromEntries(part.map(({ stem, jpeg }) => [`${split}/${stem}.jpg`, jpeg])),
    [name.replace("*", split)]: cocoOf(part),
  }));
const csv = (name: string, header: string) =>
  bySplit(all, ["train", "valid", "test"], (part, split) => ({
    ...Object.fromEntries(part.map(({ stem, jpeg }) => [`${split}/${stem}.jpg`, jpeg])),
    [name.replace("*", split)]: [header, ...part.map(({ stem, classIndex, box }) => [`${stem}.jpg`, 64, 64, names[classIndex], ...box].join(","))].join("\n"),
  })); // prettier-ignore

/** What a folder holds, and what becomes of it. */
const LAYOUTS: Readonly<Record<string, readonly [format: string, splits: object, files: Files, names?: readonly string[]]>> = {
  "VOC of any folder names": ["voc", { train: 10 }, placed(all, "photos", "boxes/done", "xml")],
  "VOC with a validation folder of another name": ["voc", three, inSplits("*", "*", "xml", ["Training", "validation", "TEST"])],
  "VOC with pictures by split and all annotations in one folder": ["voc", three, { ...inSplits("images/*", "annotations", "xml") }],
  "VOC with annotations by split and all pictures in one folder": ["voc", three, { ...inSplits("images", "annots/*", "xml") }],
  "VOC with split lists outside ImageSets": ["voc", { train: 6, val: 4 }, { ...placed(all, "images", "annots", "xml"), "train.txt": all.slice(0, 6).map(({ stem }) => stem).join("\n"), "val.txt": all.slice(6).map(({ stem }) => `${stem}.jpg`).join("\n") }],
  "VOC beside a few stray label texts": ["voc", { train: 10 }, { ...placed(all, ".", ".", "xml"), "picture 0.txt": "0 0.5 0.5 0.1 0.1" }],
  "COCO as Roboflow exports it": ["coco", three, json("*/_annotations.coco.json")],
  "COCO in annotations/ beside folders of the splits": ["coco", three, json("annotations/instances_*.json")],
  "COCO in one file of any name": ["coco", { train: 10 }, { ...placed(all, "images", "ignored", "txt"), "export/result.json": cocoOf(all), "export/package.json": "{}" }],
  "CSV as Roboflow exports it": ["csv", three, csv("*/_annotations.csv", "filename,width,height,class,xmin,ymin,xmax,ymax")],
  "CSV as the raccoon set has it": ["csv", three, csv("data/*_labels.csv", "filename,width,height,class,xmin,ymin,xmax,ymax")],
  "YOLO as Roboflow exports it, without its data.yaml": ["yolo", three, inSplits("*/images", "*/labels", "txt"), ["class0", "class1"]],
  "YOLO beside the pictures with Darknet's names": ["yolo", three, { ...inSplits("*", "*", "txt"), "train/_darknet.labels": "blue\nred\n" }],
  "YOLO in the pictures' own folder images/": ["yolo", { train: 10 }, { ...placed(all, "images", "images", "txt"), "images/classes.txt": "blue\nred\n" }],
  "YOLO with labels in a folder of any name": ["yolo", three, { ...inSplits("images/*", "annotations/*", "txt"), "obj.names": "blue\nred\n" }],
  "YOLO in two folders of any names": ["yolo", { train: 10 }, { ...placed(all, "photos", "texts", "txt"), "classes.txt": "blue\nred\n" }],
  "what macOS leaves in archives": ["voc", { train: 10 }, { ...placed(all, "set", "set", "xml"), "__MACOSX/set/._picture 0.xml": "\0", "__MACOSX/set/._picture 0.jpg": "\0", "set/._picture 1.jpg": "\0" }],
}; // prettier-ignore

describe("a folder without description", () => {
  it.each(Object.entries(LAYOUTS))("%s", async (_, [format, splits, files, classes = names]) => {
    const root = await testFolder(files);
    const dataset = await openDataset(root, { cache: false });
    expect([dataset.format, dataset.names]).toEqual([format, classes]);
    expect(counts(dataset)).toEqual(splits);
    expect(dataset.problems).toEqual([]);
    // What is written down about it is read alike.
    const again = await openDataset(root, { cache: false, splits: ["train"] });
    expect([again.names, again.splits.train]).toEqual([dataset.names, dataset.splits.train]);
  });

  it("names and extensions in any script and case", async () => {
    const files = Object.fromEntries(all.flatMap((one, index): [string, string | Buffer][] => [
      [`фото ${index}/日本 ${index}.JPG`, one.jpeg],
      [`фото ${index}/日本 ${index}.XML`, xmlOf(one)],
    ])); // prettier-ignore
    const { splits, problems } = await openDataset(await testFolder(files), { cache: false });
    expect(splits.train?.map(({ classes }) => classes.length)).toEqual(Array(10).fill(1));
    expect(problems).toEqual([]);
  });

  it("links in a circle and folders without end are looked at once", async () => {
    const root = await testFolder(placed(all, "a", "a", "xml"));
    await symlink("..", join(root, "a/up"));
    await symlink("nowhere", join(root, "gone"));
    let deep = root;
    for (let level = 0; level < 40; level++) await mkdir((deep = join(deep, "deep")));
    expect((await openDataset(root, { cache: false })).splits.train).toHaveLength(10);
  });

  it("that is not understood is answered with what was seen and a YAML to fill in", async () => {
    const refusal = async (files: Files) => {
      const opening = openDataset(await testFolder(files));
      await expect(opening).rejects.toThrow(DatasetError);
      return opening.then(String, String);
    };
    const other = Object.fromEntries(all.slice(0, 3).map(({ stem }, i) => [`labels/other ${i}.xml`, `<x>${stem}</x>`]));
    const pictures = Object.fromEntries(all.map(({ stem, jpeg }) => [`pics/${stem}.jpg`, jpeg]));
    const unmatched = await refusal({ ...pictures, ...other });
    expect(unmatched).toMatch(/no known dataset layout[\s\S]*3 \.xml in labels\/\n {2}10 \.jpg in pics\//);
    expect(unmatched).toMatch(/format: voc\n {2}path: \S+\n {2}train: labels\n {2}images: pics/);
    expect(await refusal(pictures)).toMatch(/pictures but no labels[\s\S]*format: yolo\n[\s\S]*train: pics\n/);
    expect(await refusal({ "a.md": "#" })).toMatch(/1 \.md in the folder itself\nThere is no picture/);
    const shapesOf = Object.fromEntries(all.map(({ stem }) => [`pics/${stem}.json`, '{"shapes": []}']));
    expect(await refusal({ ...pictures, ...shapesOf })).toMatch(
      /10 \.json beside 10 \.jpg in pics\/[\s\S]*as LabelMe writes/,
    );
  });
});

describe("a description whose paths are dead", () => {
  const files = inSplits("*/images", "*/labels", "txt");
  const yaml = (text: string) => ({ ...files, "data.yaml": `${text}\nnc: 2\nnames: [blue, red]\n` });

  it.each([
    ["Roboflow's", "train: ../train/images\nval: ../valid/images\ntest: ../test/images", 3],
    ["absolute ones", "train: /content/x/train/images\nval: /content/x/valid/images\ntest: /content/x/test/images", 3],
    ["a path of another machine", "path: /home/other/x\ntrain: train/images\nval: valid/images\ntest: test/images", 1],
    ["Windows's", "path: C:\\x\ntrain: C:\\x\\train\\images\nval: C:\\x\\valid\\images\ntest: test/images", 3],
    ["another order of folders", "train: images/train\nval: images/val\ntest: images/test", 3],
  ])("%s are found beside the file, with a note", async (_, text, notes) => {
    const dataset = await openDataset(await testFolder(yaml(text)), { cache: false });
    expect(counts(dataset)).toEqual(three);
    expect(dataset.notes).toHaveLength(notes);
    expect(dataset.notes.join()).toMatch(/data\.yaml: .* does not exist; .* is used/);
  });

  it("never lead training and validation to the same folder", async () => {
    const root = await testFolder({ ...placed(all, "images", "labels", "txt"), "data.yaml": "train: /x/train/images\nval: /x/val/images\nnames: [blue, red]\n" }); // prettier-ignore
    await expect(openDataset(root)).rejects.toThrow(/val names "\/x\/val\/images", but .* does not exist/);
  });

  it("lose only a test split that is nowhere", async () => {
    const { "test/images/picture 8.jpg": one, "test/images/picture 9.jpg": two, ...rest } = yaml("train: ../train/images\nval: ../valid/images\ntest: ../test/images") as Files; // prettier-ignore
    expect([one, two]).not.toContain(undefined);
    const gone = Object.fromEntries(Object.entries(rest).filter(([path]) => !path.startsWith("test/")));
    const dataset = await openDataset(await testFolder(gone), { cache: false });
    expect(counts(dataset)).toEqual({ train: 6, val: 2 });
    expect(dataset.notes.at(-1)).toContain("there is no test split");
  });
});

describe("a description that leaves out", () => {
  it("the lists that VOC usually has", async () => {
    for (const text of ["format: voc\n", "format: voc\nnames: [blue, red]\n", "names: [blue, red]\n", "format: voc\ntrain: annots\n"]) {
      const root = await testFolder({ ...placed(all, "images", "annots", "xml"), "data.yaml": text });
      const dataset = await openDataset(root, { cache: false });
      expect([dataset.format, counts(dataset)]).toEqual(["voc", { train: 10 }]);
    }
  }); // prettier-ignore

  it("the names but not their number", async () => {
    const root = await testFolder({ ...placed(all, "images", "labels", "txt"), "data.yaml": "train: images\nnc: 3\n" });
    const { names: classes, notes } = await openDataset(root, { cache: false });
    expect(classes).toEqual(["class0", "class1", "class2"]);
    expect(notes.join()).toContain("classes are called class0 … class2");
  });

  it("the validation images", async () => {
    const root = await testFolder({ ...placed(all, "images", "labels", "txt"), "images/copy.jpg": all[0]!.jpeg, "labels/copy.txt": rowOf(all[0]!) }); // prettier-ignore
    const opened = await openDataset(root, { cache: false, deriveVal: true });
    const { train, val } = opened.splits;
    expect([train!.length + val!.length, opened.notes.length]).toEqual([11, 2]);
    expect([2, 3]).toContain(val!.length);
    const first = [train!, val!].map((part) => part.filter(({ id }) => id === "copy" || id === "picture 0").length);
    expect(first.sort()).toEqual([0, 2]);
    const only = await openDataset(root, { cache: false, deriveVal: true, splits: ["val"] });
    expect(only.splits).toEqual({ val });
    expect(only.names).toEqual(opened.names);
    const plain = await openDataset(root, { cache: false });
    expect(Object.keys(plain.splits)).toEqual(["train"]);
    const tested = await testFolder(
      bySplit(all, ["train", "test"], (part, split) => placed(part, split, split, "xml")),
    );
    const { splits, notes } = await openDataset(tested, { cache: false, deriveVal: true, splits: ["val"] });
    expect(splits.val).toHaveLength(2);
    expect(notes.join()).toContain("the 2 test images are used for it");
  });
});

it("every layout is described in full", async () => {
  for (const [name, files] of Object.entries(sevenLayouts(all))) {
    const { description } = await describeDataset(join(await testFolder(files), "set"));
    expect(Object.keys(description.splits), name).toContain("train");
  }
});
