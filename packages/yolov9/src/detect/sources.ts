/** From what a user names (files, folders, globs, addresses) to a list of pictures. Nothing is opened here. */
import { statSync } from "node:fs";
import { isAbsolute } from "node:path";
import { glob, isDynamicPattern } from "tinyglobby";
import { isImageFile, listImages } from "../data/image-files.js";
import { isAddress } from "./fetched-pictures.js";

/**
 * A file or an address stands for itself, a folder for every picture below it, a pattern for the pictures that match.
 * @returns paths and addresses without repetition: sources in the given order, the files of each sorted by name
 * @throws Error naming a source that does not exist or has no picture
 */
export async function expandSources(sources: readonly string[]): Promise<string[]> {
  const found = await Promise.all(sources.map(expandSource));
  return [...new Set(found.flat())];
}

async function expandSource(source: string): Promise<string[]> {
  if (isAddress(source)) return [source];
  const stat = statSync(source, { throwIfNoEntry: false });
  if (stat?.isFile() === true) return [source];
  if (stat === undefined && !isDynamicPattern(source)) throw new Error(`${source}: no such file or folder`);
  const files = stat === undefined ? await matches(source) : await listImages(source);
  if (files.length === 0)
    throw new Error(`${source}: no pictures ${stat === undefined ? "match this pattern" : "here"}`);
  return files;
}

async function matches(pattern: string): Promise<string[]> {
  const files = await glob(pattern, { absolute: isAbsolute(pattern), expandDirectories: false });
  return files.filter(isImageFile).sort();
}
