/** A configuration schema as a Markdown table, for the documentation. */
import { configFields } from "./fields.js";
import type { ConfigSchema } from "./fields.js";

/** One row a key: flag, default, allowed values, description. */
export function configTable(schema: ConfigSchema): string {
  const rows = configFields(schema).map((field) => {
    const value = field.required
      ? "required"
      : field.default === undefined
        ? ""
        : `\`${JSON.stringify(field.default)}\``;
    const flags = field.alias === undefined ? `\`${field.flag}\`` : `\`${field.flag}\`, \`${field.alias}\``;
    return `| \`${field.key}\` | ${flags} | ${value} | ${field.allowed} | ${field.description} |`;
  });
  return ["| key | flag | default | allowed | what it does |", "| --- | --- | --- | --- | --- |", ...rows, ""].join(
    "\n",
  );
}
