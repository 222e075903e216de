/**
 * A configuration schema as commander options: one flag a key, in kebab-case, with the schema's description, default and allowed
 * values in the help. Values stay undefined when a flag is not given, so that a YAML file can speak; resolve.ts joins the two.
 */
import { Option } from "commander";
import type { Command } from "commander";
import { configFields } from "./fields.js";
import type { ConfigField, ConfigSchema } from "./fields.js";

/** Registers `--config FILE` and every field of `schema` on `command`; returns the command for chaining. */
export function addConfigOptions(command: Command, schema: ConfigSchema): Command {
  command.addOption(
    new Option(
      "-c, --config <file>",
      "YAML file with any of the keys below (weightDecay for --weight-decay); flags win over it",
    ),
  );
  for (const field of configFields(schema)) for (const option of optionsOf(field)) command.addOption(option);
  return command;
}

function optionsOf(field: ConfigField): Option[] {
  const help = helpText(field);
  const flag = field.alias === undefined ? field.flag : `${field.alias}, ${field.flag}`;
  switch (field.kind) {
    case "boolean": {
      // Both directions exist, so that a flag can overrule a YAML file; the help shows the one that changes the default.
      const on = new Option(field.flag, help);
      const off = new Option(field.flag.replace("--", "--no-"), help);
      return field.default === true ? [on.hideHelp(), off] : [on, off.hideHelp()];
    }
    case "boolean-or-string":
      return [new Option(`${flag} [value]`, help)];
    case "list":
      return [new Option(`${flag} <list>`, help).argParser((text, before) => parseList(text, before, field.itemKind))];
    case "integer":
    case "number":
      return [new Option(`${flag} <${field.kind === "integer" ? "n" : "x"}>`, help).argParser(parseNumber)];
    case "string": {
      const option = new Option(`${flag} <${field.choices === undefined ? "text" : "choice"}>`, help);
      return [option];
    }
  }
}

function helpText(field: ConfigField): string {
  const notes = [
    field.choices === undefined ? undefined : field.choices.join(" | "),
    field.kind === "list" ? "comma-separated or repeated" : undefined,
    field.default === undefined || field.kind === "boolean" ? undefined : `default: ${JSON.stringify(field.default)}`,
    field.kind === "boolean" ? `default: ${field.default === true ? "on" : "off"}` : undefined,
    field.required ? "required" : undefined,
  ].filter((note) => note !== undefined);
  return notes.length === 0 ? field.description : `${field.description} (${notes.join("; ")})`;
}

/** Text that is no number is handed on as it is: the schema then refuses it with its usual message. */
function parseNumber(text: string): number | string {
  return text.trim() === "" || Number.isNaN(Number(text)) ? text : Number(text);
}

/** @param before what the same flag said earlier in the command line */
function parseList(text: string, before: unknown, itemKind: ConfigField["itemKind"]): unknown[] {
  const items = text.split(",").map((item) => item.trim());
  return [
    ...(Array.isArray(before) ? (before as unknown[]) : []),
    ...(itemKind === "string" ? items : items.map(parseNumber)),
  ];
}
