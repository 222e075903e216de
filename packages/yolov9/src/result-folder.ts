/** The folder that a training, validation or detection run writes into. */
import { existsSync } from "node:fs";
import { join } from "node:path";
import { messageOf } from "./error-message.js";
import { makeFolder } from "./make-folder.js";

/** A file system on which more names than this seem to be taken is not one to look on for ever. */
const MOST_NUMBER = 99_999;

/**
 * project/name, with a number behind the name when it is taken and `existOk` is off.
 * @throws Error when no number is free
 */
export function resultFolder(project: string, name: string, existOk: boolean): string {
  const first = join(project, name);
  if (existOk || !existsSync(first)) return first;
  for (let number = 2; number <= MOST_NUMBER; number++) {
    if (!existsSync(`${first}-${number}`)) return `${first}-${number}`;
  }
  throw new Error(`${first}: the names up to ${first}-${MOST_NUMBER} are taken; give another --name`);
}

/** Makes it, with those above it. @throws Error naming the folder, the reason and what to do */
export function makeResultFolder(path: string): void {
  try {
    makeFolder(path);
  } catch (error) {
    const reason = messageOf(error).replace(/^[A-Z]+: ([^,]+), .*$/s, "$1");
    throw new Error(`${path}: this folder cannot be made (${reason}); choose another one with --project`, {
      cause: error,
    });
  }
}
