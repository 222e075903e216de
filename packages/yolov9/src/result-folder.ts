/** The folder that a training, validation or detection run writes into. */
import { existsSync } from "node:fs";
import { join } from "node:path";

/** project/name, with a number behind the name when it is taken and `existOk` is off. */
export function resultFolder(project: string, name: string, existOk: boolean): string {
  const first = join(project, name);
  if (existOk || !existsSync(first)) return first;
  let number = 2;
  while (existsSync(`${first}-${number}`)) number++;
  return `${first}-${number}`;
}
