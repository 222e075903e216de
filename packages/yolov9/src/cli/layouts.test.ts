/** A new user's first commands on data sets in seven layouts, each without a description file of one's own. */
import { rmSync } from "node:fs";
import { join } from "node:path";
import { afterAll, describe, expect, it } from "vitest";
import { makeFolder, type Files } from "../data/testing/folders.js";
import { sevenLayouts, shapes } from "../data/testing/layouts.js";
import { yolov9 } from "./testing/command-line.js";

const folders: string[] = [];

async function folderOf(files: Files): Promise<string> {
  const { root } = await makeFolder(files);
  folders.push(root);
  return root;
}

afterAll(() => {
  for (const folder of folders) rmSync(folder, { recursive: true });
});

/** Two epochs of a small model take seconds; a busy machine gets more. */
const PATIENCE_MS = 120_000;

describe("data check, train, val and detect, a command each", async () => {
  const layouts = sevenLayouts(await shapes(10));
  it.each(Object.keys(layouts))(
    "%s",
    async (name) => {
      const root = await folderOf(layouts[name]!);
      const data = join(root, "set");
      const run = join(root, "run");
      const small = ["--imgsz", "64", "--batch", "4", "--workers", "0"];

      const check = await yolov9("data", "check", "--data", data, "--workers", "0", "--json");
      expect(check.code, check.out).toBe(0);
      const { statistics, counts } = JSON.parse(check.out) as Checked;
      const { train, val, test } = statistics.splits;
      expect(counts.error).toBe(0);
      expect(statistics.names).toEqual(["blue", "red"]);
      expect(train!.images + val!.images + (test?.images ?? 0)).toBe(10);
      expect([train!.objects, val!.objects]).toEqual([train!.images, val!.images]);

      const trained = await yolov9("train", "--data", data, "--epochs", "2", "--name", "run", "--project", root, "--model", "yolov9-t", ...small); // prettier-ignore
      expect(trained.code, trained.err).toBe(0);
      expect(trained.err).toContain(`${train!.images} training and ${val!.images} validation images, 2 classes`);

      const validated = await yolov9("val", "--data", data, "--weights", run, "--json", "--no-report", ...small);
      expect(validated.code, validated.err).toBe(0);
      expect(JSON.parse(validated.out)).toMatchObject({ images: val!.images });

      const pictures = join(
        data,
        Object.keys(layouts[name]!)
          .find((path) => path.endsWith(".jpg"))!
          .slice(4),
        "..",
      );
      const detected = await yolov9("detect", pictures, "--weights", run, "--json", "--no-images");
      expect(detected.code, detected.err).toBe(0);
      expect(JSON.parse(detected.out)).toHaveLength(test ? 6 : 10);
      if (!test) for (const { err } of [check, trained, validated]) expect(err.match(/set apart/gu)).toHaveLength(1);
    },
    PATIENCE_MS,
  );
});

interface Checked {
  readonly counts: { readonly error: number };
  readonly statistics: {
    readonly names: readonly string[];
    readonly splits: Readonly<Record<string, { readonly images: number; readonly objects: number }>>;
  };
}
