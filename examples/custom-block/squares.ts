// A data set that is made in a second: coloured squares on noise, in YOLO layout.

import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import sharp from "sharp";

export const SIDE = 64;
const CLASSES = ["red", "blue"] as const;
const COLOURS = { red: "#e02020", blue: "#2060e0" } as const;

/** @returns the path of the data set's description */
export async function writeSquares(folder: string, images: { train: number; val: number }): Promise<string> {
  for (const split of ["train", "val"] as const) {
    for (const kind of ["images", "labels"]) mkdirSync(join(folder, kind, split), { recursive: true });
    for (let i = 0; i < images[split]; i++) await writeSquare(folder, split, i);
  }
  const description = join(folder, "data.yaml");
  writeFileSync(description, `train: images/train\nval: images/val\nnames: [${CLASSES.join(", ")}]\n`);
  return description;
}

async function writeSquare(folder: string, split: string, index: number): Promise<void> {
  const label = index % CLASSES.length;
  const size = 20 + ((index * 7) % 24);
  const [left, top] = [(index * 11) % (SIDE - size), (index * 5) % (SIDE - size)];
  const solid = (side: number, background: string) => ({
    create: { width: side, height: side, channels: 3 as const, background },
  });
  const square = await sharp(solid(size, COLOURS[CLASSES[label]!])).png().toBuffer();
  await sharp(solid(SIDE, "#202020"))
    .composite([{ input: square, left, top }])
    .png()
    .toFile(join(folder, "images", split, `${index}.png`));
  const row = [label, ...[left + size / 2, top + size / 2, size, size].map((pixels) => pixels / SIDE)];
  writeFileSync(join(folder, "labels", split, `${index}.txt`), `${row.join(" ")}\n`);
}
