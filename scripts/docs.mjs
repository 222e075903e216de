// Writes the parts of the documentation that the program knows better: the option tables of docs/cli.md from the configuration
// schemas, the sizes in docs/models.md, and the drawings there. With --check it writes nothing and fails when a file is out of date.

import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import * as config from "../packages/yolov9/dist/config/index.js";
import { allModelSizes, drawModel, markdownTable, sizeTables } from "../packages/yolov9/dist/describe/index.js";
import { loadModelSpec } from "../packages/yolov9/dist/model/index.js";

const schemas = {
  train: config.TrainConfig,
  val: config.ValConfig,
  export: config.ExportConfig,
  detect: config.DetectConfig,
  import: config.ImportConfig,
  download: config.DownloadConfig,
  preview: config.PreviewConfig,
  info: config.InfoConfig,
  evaluate: config.EvaluateConfig,
  compare: config.CompareConfig,
  dataConvert: config.DataConvertConfig,
  dataSplit: config.DataSplitConfig,
  dataCheck: config.DataCheckConfig,
};

/** The rows of the paper's Table 4, for pgi.md. */
const PGI_ROWS = [
  ...["gelan-c", "gelan-c-pfh", "gelan-c-fpn", "gelan-c-neck-icn", "gelan-c-fpn-icn", "yolov9-c", "yolov9-c-lhg"],
  ...["gelan-e", "gelan-e-pfh", "yolov9-e", "gelan-e-pan", "gelan-e-fpn-icn"],
];
const DRAWN = ["yolov9-t", ...PGI_ROWS];

/** Each file with what it should say, given what it says. */
const files = [
  ["cli.md", (written) => written.replace(/<!-- table: (\w+) -->\n[\s\S]*?<!-- end -->/g, optionTable)],
  ["models.md", (written) => written.replace(/<!-- models -->\n[\s\S]*?<!-- end -->/, modelTables)],
  ...DRAWN.map((model) => [`images/${model}.svg`, () => drawModel(loadModelSpec(model))]),
];

function optionTable(_, command) {
  const schema = schemas[command];
  if (schema === undefined) throw new Error(`docs/cli.md: table "${command}" belongs to no command`);
  return `<!-- table: ${command} -->\n\n${config.configTable(schema).trim()}\n\n<!-- end -->`;
}

function modelTables() {
  const tables = sizeTables(allModelSizes()).map((table) => `### ${table.title}\n\n${markdownTable(table)}`);
  return `<!-- models -->\n\n${tables.join("\n\n")}\n\n<!-- end -->`;
}

for (const [name, current] of files) {
  const file = fileURLToPath(new URL(`../docs/${name}`, import.meta.url));
  const written = existsSync(file) ? readFileSync(file, "utf8") : "";
  const wanted = current(written);
  if (wanted === written) {
    console.log(`docs/${name} is current`);
  } else if (process.argv.includes("--check")) {
    console.error(`docs/${name} is out of date: run 'make docs'`);
    process.exitCode = 1;
  } else {
    writeFileSync(file, wanted);
    console.log(`docs/${name} written`);
  }
}
