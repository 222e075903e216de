import { renameSync, writeFileSync } from "node:fs";

/** Writes a text file so that readers see the old or the new one, never a part. */
export function writeWhole(path: string, text: string): void {
  const temporary = `${path}.${process.pid}.tmp`;
  writeFileSync(temporary, text);
  renameSync(temporary, path);
}
