/** Where what can be made again is kept: the user's cache folder, never a data set's own. */

import { homedir } from "node:os";
import { join } from "node:path";

/** `YOLOV9_CACHE`, else `yolov9` in `XDG_CACHE_HOME` or `~/.cache`; undefined where `YOLOV9_CACHE` is "off". */
export function cacheFolder(environment: NodeJS.ProcessEnv = process.env): string | undefined {
  const { YOLOV9_CACHE: own, XDG_CACHE_HOME: shared } = environment;
  if (own === "off") return undefined;
  if (own) return own;
  return join(shared || join(homedir(), ".cache"), "yolov9");
}
