/** The paths of a run's configuration as they are stored: absolute, so that the run resumes from any folder. */
import { existsSync } from "node:fs";
import { resolve } from "node:path";
import type { TrainConfig } from "../config/index.js";

/** @param config relative paths in it are those of the current folder */
export function absolutePaths<Config extends Partial<TrainConfig>>(config: Config): Config {
  const { data, weights, project, model } = config;
  return {
    ...config,
    ...(data !== undefined && { data: existing(data) }),
    ...(weights !== undefined && { weights: existing(weights) }),
    ...(project !== undefined && { project: resolve(project) }),
    // Names of the zoo have neither dots nor slashes.
    ...(model !== undefined && { model: /[\\/.]/.test(model) ? existing(model) : model }),
  };
}

/** A path of an older run that leads nowhere from here stays as it is: messages then name it as it was given. */
function existing(path: string): string {
  return existsSync(path) ? resolve(path) : path;
}
