/** The folder that a detection run writes into. */
import { existsSync } from "node:fs";
import { join } from "node:path";

const DEFAULT_NAME = "detect";

/** project/name, with a number behind the name when it is taken and `existOk` is off. */
export function resultFolder(project: string, name: string | undefined, existOk: boolean): string {
  const first = join(project, name ?? DEFAULT_NAME);
  if (existOk || !existsSync(first)) return first;
  let number = 2;
  while (existsSync(`${first}-${number}`)) number++;
  return `${first}-${number}`;
}
