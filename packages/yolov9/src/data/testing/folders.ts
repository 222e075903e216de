/** Small datasets in temporary folders, for tests. */

import { createHash } from "node:crypto";
import { mkdir, mkdtemp, readdir, readFile, readlink, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";

import sharp from "sharp";
import { onTestFinished } from "vitest";

/** File contents by path relative to the folder. */
export type Files = Record<string, string | Buffer>;

/** Write files into a new temporary folder. `remove` deletes it. */
export async function makeFolder(files: Files): Promise<{ root: string; remove: () => Promise<void> }> {
  const root = await mkdtemp(join(tmpdir(), "yolov9-data-"));
  for (const [path, content] of Object.entries(files)) {
    await mkdir(dirname(join(root, path)), { recursive: true });
    await writeFile(join(root, path), content);
  }
  return { root, remove: () => rm(root, { recursive: true, force: true }) };
}

/** The path of a new temporary folder with these files, which goes when the running test ends. */
export async function testFolder(files: Files): Promise<string> {
  const { root, remove } = await makeFolder(files);
  onTestFinished(remove);
  return root;
}

/** A digest of every name, link and byte below a folder: equal only where nothing was changed. Pipes count by name. */
export async function folderDigest(folder: string): Promise<string> {
  const hash = createHash("sha256");
  const entries = await readdir(folder, { withFileTypes: true, recursive: true });
  const paths = entries.map((entry) => ({ entry, path: join(entry.parentPath, entry.name) }));
  for (const { entry, path } of paths.sort((a, b) => (a.path < b.path ? -1 : 1))) {
    hash.update(`${path}\0`);
    if (entry.isFile()) hash.update(await readFile(path));
    else if (entry.isSymbolicLink()) hash.update(await readlink(path));
  }
  return hash.digest("hex");
}

/** A JPEG of soft random colours, the same for the same seed. */
export async function makeJpeg(width: number, height: number, seed = 1): Promise<Buffer> {
  const data = Buffer.alloc(8 * 6 * 3);
  for (let i = 0; i < data.length; i++) data[i] = (Math.imul(i + 1, 2654435761 + seed * 7919) >>> 16) & 255;
  return sharp(data, { raw: { width: 8, height: 6, channels: 3 } })
    .resize(width, height, { fit: "fill" })
    .jpeg({ quality: 95 })
    .toBuffer();
}
