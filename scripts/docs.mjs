// Writes the option tables of docs/cli.md from the configuration schemas. With --check it writes nothing and fails when the
// file is out of date.

import { readFileSync, writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import * as config from "../packages/yolov9/dist/config/index.js";

const file = fileURLToPath(new URL("../docs/cli.md", import.meta.url));
const schemas = {
  train: config.TrainConfig,
  val: config.ValConfig,
  export: config.ExportConfig,
  detect: config.DetectConfig,
  preview: config.PreviewConfig,
  info: config.InfoConfig,
};

const MARKED = /<!-- table: (\w+) -->\n[\s\S]*?<!-- end -->/g;

const written = readFileSync(file, "utf8");
const current = written.replace(MARKED, (_, command) => {
  const schema = schemas[command];
  if (schema === undefined) throw new Error(`docs/cli.md: table "${command}" belongs to no command`);
  return `<!-- table: ${command} -->\n\n${config.configTable(schema).trim()}\n\n<!-- end -->`;
});

if (current === written) {
  console.log("docs/cli.md is current");
} else if (process.argv.includes("--check")) {
  console.error("docs/cli.md is out of date: run 'make docs'");
  process.exitCode = 1;
} else {
  writeFileSync(file, current);
  console.log("docs/cli.md written");
}
