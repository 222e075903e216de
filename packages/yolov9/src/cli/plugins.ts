/**
 * `--plugin FILE` of every command on models: a JavaScript module that registers blocks of the user's own before anything else happens.
 * It is code that the user chose to run, unlike model files and weights, which never are.
 */
import { existsSync } from "node:fs";
import { resolve } from "node:path";
import { pathToFileURL } from "node:url";
import { Option } from "commander";
import { UserError } from "./user-error.js";
import { messageOf } from "../error-message.js";

export function pluginOption(): Option {
  return new Option("--plugin <file...>", "JavaScript modules that register own blocks, loaded first");
}

/** @throws UserError naming the module that is missing or fails */
export async function loadPlugins(files: readonly string[]): Promise<void> {
  for (const file of files) {
    const path = resolve(file);
    if (!existsSync(path)) throw new UserError(`${file}: no such plugin (a JavaScript module)`);
    try {
      await import(pathToFileURL(path).href);
    } catch (error) {
      const reason = messageOf(error);
      throw new UserError(`${file}: this plugin failed: ${reason}`, { cause: error });
    }
  }
}
