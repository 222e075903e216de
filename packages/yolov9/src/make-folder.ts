/** Making a folder with those above it. Node's own way of it never returns where a file system denies that a folder's parent exists. */

import { mkdirSync, statSync } from "node:fs";
import { dirname } from "node:path";

/** @throws Error of the operating system when a folder cannot be made; one that exists already is fine */
export function makeFolder(path: string): void {
  if (isFolder(path)) return;
  const parent = dirname(path);
  if (parent !== path) makeFolder(parent);
  try {
    mkdirSync(path);
  } catch (error) {
    // Someone else may have made it meanwhile.
    if (!isFolder(path)) throw error;
  }
}

function isFolder(path: string): boolean {
  try {
    return statSync(path).isDirectory();
  } catch {
    return false;
  }
}
