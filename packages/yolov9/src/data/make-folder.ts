/** Making a folder with those above it. Node's own way of it never returns where a file system denies that a folder's parent exists. */

import { mkdir, stat } from "node:fs/promises";
import { dirname } from "node:path";

/** @throws Error of the operating system when a folder cannot be made; one that exists already is fine */
export async function makeFolder(path: string): Promise<void> {
  const found = await stat(path).catch(() => undefined);
  if (found?.isDirectory()) return;
  const parent = dirname(path);
  if (parent !== path) await makeFolder(parent);
  try {
    await mkdir(path);
  } catch (error) {
    // Someone else may have made it meanwhile.
    if (!(error instanceof Error && "code" in error && error.code === "EEXIST")) throw error;
    if (!(await stat(path)).isDirectory()) throw error;
  }
}
