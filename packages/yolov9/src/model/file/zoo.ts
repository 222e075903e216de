/**
 * Where models are found by name: the files of the zoo, and the variants of the paper's tables, which share one file because each is
 * a change of a line. What a model file says is `spec-file.ts`.
 */
import { existsSync, readFileSync, readdirSync, statSync } from "node:fs";
import { basename, join, relative, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { parse } from "yaml";
import { z } from "zod";
import { didYouMean } from "../did-you-mean.js";

const ZOO = fileURLToPath(new URL("../../../src/model/zoo/", import.meta.url));
export const EXTENSION = ".yaml";
const VARIANTS = "paper/variants.yaml";

/** The names of the models that come with the project. */
export function modelNames(): string[] {
  return readdirSync(ZOO)
    .filter((file) => file.endsWith(EXTENSION))
    .map((file) => basename(file, EXTENSION))
    .sort();
}

/** The names of the further rows of the paper's tables, usable like those of the zoo. */
export function variantNames(): string[] {
  return Object.keys(variants());
}

/** What a variant changes, in the form of a model file. */
export function variantFile(name: string): unknown {
  return Object.hasOwn(variants(), name) ? variants()[name] : undefined;
}

/**
 * The path of a model file.
 * @param nameOrPath a name of the zoo, or a path relative to `directory`
 * @throws Error naming the nearest known name
 */
export function locateModel(nameOrPath: string, directory: string, referrer: string): string {
  const zoo = join(ZOO, nameOrPath + EXTENSION);
  if (!/[\\/.]/.test(nameOrPath) && existsSync(zoo)) return zoo;
  const path = resolve(directory, nameOrPath);
  if (existsSync(path) && statSync(path).isFile()) return path;
  const known = [...modelNames(), ...variantNames()];
  throw new Error(`${referrer}no model or file "${nameOrPath}"${didYouMean(nameOrPath, known)}`);
}

/** A path as the user would write it. */
export function shownPath(path: string): string {
  if (path.startsWith(ZOO)) return basename(path);
  const short = relative(process.cwd(), path);
  return short.startsWith("..") || !path.startsWith("/") ? path : short;
}

let read: Readonly<Record<string, unknown>> | undefined;

function variants(): Readonly<Record<string, unknown>> {
  read ??= z.record(z.string(), z.unknown()).parse(parse(readFileSync(join(ZOO, VARIANTS), "utf8")));
  return read;
}
