/** Where the compiled bridge lies: in this package, or where that cannot be written, in the user's cache. Loads nothing. */
import { accessSync, constants, existsSync, mkdirSync } from "node:fs";
import { createRequire } from "node:module";
import { homedir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

const FILE = "bridge.node";
const packageFolder = dirname(dirname(fileURLToPath(import.meta.url)));

/** Folders that the bridge may be in, best first. */
export function bridgeFolders(environment: NodeJS.ProcessEnv = process.env): string[] {
  const { version } = createRequire(import.meta.url)("../package.json") as { version: string };
  const cache = environment["XDG_CACHE_HOME"] ?? join(homedir(), ".cache");
  return [join(packageFolder, "build"), join(cache, "yolov9", `bridge-${version}-${process.platform}-${process.arch}`)];
}

/** Path of the bridge; where it would be built when there is none. */
export function bridgeFile(): string {
  const files = bridgeFolders().map((folder) => join(folder, FILE));
  return files.find((file) => existsSync(file)) ?? files[0]!;
}

/**
 * The folder to build the bridge in, made where it does not exist.
 * @throws Error when none of the folders can be written
 */
export function writableBridgeFolder(environment: NodeJS.ProcessEnv = process.env): string {
  const folders = bridgeFolders(environment);
  const writable = folders.find(canWrite);
  if (writable === undefined)
    throw new Error(`the bridge cannot be built: neither ${folders.join(" nor ")} is writable`);
  return writable;
}

function canWrite(folder: string): boolean {
  try {
    mkdirSync(folder, { recursive: true });
    accessSync(folder, constants.W_OK);
    return true;
  } catch {
    return false;
  }
}

/** The script that compiles it: `node SCRIPT FOLDER`. */
export const buildScript = join(packageFolder, "native", "build.mjs");
