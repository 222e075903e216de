/** The folder of a training run: where its files are, and which folder a new or a resumed run uses. */
import { existsSync, readdirSync, statSync } from "node:fs";
import { basename, dirname, join, resolve } from "node:path";
import { stringify } from "yaml";
import { ConfigError } from "../config/index.js";
import type { TrainConfig } from "../config/index.js";
import { makeResultFolder, resultFolder } from "../result-folder.js";
import { removeLeftovers, writeWhole } from "@yolov9/torch/whole-file";
import { holderText, lockFolder, type FolderLock } from "../folder-lock.js";

export class RunFolder {
  readonly path: string;
  #lock: FolderLock | undefined;

  constructor(path: string) {
    this.path = resolve(path);
  }

  get last(): string {
    return join(this.path, "weights", "last.safetensors");
  }

  get best(): string {
    return join(this.path, "weights", "best.safetensors");
  }

  /** A checkpoint that is kept: the state after this epoch. */
  epoch(epoch: number): string {
    return join(this.path, "weights", `epoch${epoch}.safetensors`);
  }

  file(name: "results.csv" | "results.json" | "curves.svg" | "args.yaml" | "problems.json"): string {
    return join(this.path, name);
  }

  /**
   * Keeps other processes from writing here until `unlock`.
   * @returns what to say of a process that ended without unlocking
   * @throws FolderLockedError naming the process that writes here
   */
  lock(): string | undefined {
    this.#lock = lockFolder(this.path);
    const { stale } = this.#lock;
    for (const folder of [this.path, join(this.path, "weights")]) removeLeftovers(folder);
    return stale && `took the folder over from ${holderText(stale)}, which has ended without finishing`;
  }

  unlock(): void {
    this.#lock?.release();
  }

  /** Makes the folders, and keeps others from writing into them. @returns like `lock` */
  create(config: TrainConfig): string | undefined {
    makeResultFolder(join(this.path, "weights"));
    const note = this.lock();
    this.writeArguments(config);
    return note;
  }

  writeArguments(config: TrainConfig): void {
    writeWhole(this.file("args.yaml"), stringify(config));
  }
}

/**
 * The folder of a new run, see `resultFolder`. Without a name the model's is used.
 * @param modelName of the model where the configuration has none
 */
export function newRunFolder({ project, name, model, existOk }: TrainConfig, modelName: string): RunFolder {
  const stem = name ?? basename(model ?? modelName).replace(/\.ya?ml$/, "");
  return new RunFolder(resultFolder(project, stem, existOk));
}

/**
 * The run that `resume` means.
 * @param resume true for the project's newest run; else a run folder or a file in its `weights` folder
 * @throws ConfigError when there is no such run
 */
export function resumedRunFolder(resume: true | string, project: string): RunFolder {
  if (resume === true) return newestRun(project);
  const isFile = existsSync(resume) && statSync(resume).isFile();
  const folder = new RunFolder(isFile ? dirname(dirname(resolve(resume))) : resume);
  if (existsSync(folder.last)) return folder;
  throw new ConfigError(`${resume}: nothing to resume here (${folder.last} does not exist); give the folder of a run`);
}

function newestRun(project: string): RunFolder {
  const runs = existsSync(project)
    ? readdirSync(project)
        .map((name) => new RunFolder(join(project, name)))
        .filter(({ last }) => existsSync(last))
    : [];
  const modified = ({ last }: RunFolder) => statSync(last).mtimeMs;
  const newest = runs.sort((a, b) => modified(b) - modified(a))[0];
  if (newest === undefined) throw new ConfigError(`${project}: no run to resume; give its folder, --resume FOLDER`);
  return newest;
}
