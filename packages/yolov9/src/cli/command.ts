/**
 * What the commands have in common: options from a configuration schema next to options of their own, resolved into one checked
 * configuration, and examples under the help.
 */
import type { Command } from "commander";
import type { z } from "zod";
import { addConfigOptions, givenKeys, resolveConfig, type ConfigSchema } from "../config/index.js";
import { note } from "../terminal.js";
import { pluginOption } from "./plugins.js";

export interface CommandDefinition<Schema extends ConfigSchema> {
  readonly description: string;
  readonly schema: Schema;
  /** Lines that could be typed, each with what it does. */
  readonly examples: readonly (readonly [line: string, meaning: string])[];
}

/** Gives a command its description, its options and examples. */
export function describeCommand<Schema extends ConfigSchema>(
  command: Command,
  { description, schema, examples }: CommandDefinition<Schema>,
): Command {
  addConfigOptions(command.description(description), schema).addOption(pluginOption());
  const width = Math.max(...examples.map(([line]) => line.length));
  const lines = examples.map(([line, meaning]) => `  ${line.padEnd(width)}  # ${meaning}`);
  return command.addHelpText("after", `\nExamples:\n${lines.join("\n")}`);
}

/** The command's own options (`own`) and the configuration that file and flags make together. */
export function configurationOf<Schema extends ConfigSchema>(
  command: Command,
  schema: Schema,
  more: Readonly<Record<string, unknown>> = {},
): z.output<Schema> {
  const flags = { ...command.opts<Record<string, unknown>>(), ...more };
  const { config: file } = flags;
  return resolveConfig(schema, { flags, file: typeof file === "string" ? file : undefined, note });
}

/** The keys of the schema that were set on the command line or in the file that it names. */
export function givenTo<Schema extends ConfigSchema>(command: Command, schema: Schema): (keyof z.output<Schema>)[] {
  const flags = command.opts<Record<string, unknown>>();
  const { config: file } = flags;
  const given = givenKeys(schema, { flags, file: typeof file === "string" ? file : undefined });
  return schema.keyof().options.filter((key) => given.has(key));
}
