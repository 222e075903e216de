/** `yolov9 import`: weights that other programs wrote as one file with the model inside. */
import { basename } from "node:path";
import type { Command } from "commander";
import { ImportConfig } from "../config/index.js";
import type { ImportedWeights } from "../weights/index.js";
import { readClassNames } from "./class-names.js";
import { configurationOf, describeCommand } from "./command.js";
import { refuseSameFile } from "./output-path.js";
import { UserError } from "./user-error.js";
import { print, printJson } from "../terminal.js";

export function addImportCommand(program: Command): void {
  const command = program.command("import").argument("<file>", "a .pt, .pth or .safetensors file");
  describeCommand(command, {
    description:
      "read published weights (.pt without executing it, or safetensors), recognise the model, write it as one file",
    schema: ImportConfig,
    examples: [
      ["yolov9 import yolov9-c.pt", "yolov9-c.safetensors, which val, detect, export and train open"],
      [
        "yolov9 import best.pt --names data.yaml --output cells.safetensors",
        "class names from a data set's description",
      ],
      ["yolov9 import w.safetensors --model mine.yaml --json", "an architecture of your own, for programs"],
    ],
  })
    .option("--json", "print one JSON object with what was recognised")
    .action((file: string) => importFile(file, command));
}

async function importFile(file: string, command: Command): Promise<void> {
  const { json } = command.opts<{ json?: boolean }>();
  const config = configurationOf(command, ImportConfig);
  await importTo(file, config.output ?? besideFile(file), config, json === true);
}

/** Imports `file` and writes `output`, then tells what it is. */
export async function importTo(file: string, output: string, config: ImportConfig, json: boolean): Promise<void> {
  if (!output.endsWith(".safetensors")) throw new UserError(`${output}: the model is written as a .safetensors file`);
  refuseSameFile(output, file);
  const { importWeights, writeModelFile } = await import("../weights/index.js");
  const { profile } = await import("../model/index.js");
  const names = await readClassNames(config.names);
  const imported = await importWeights(file, { model: config.model, names });
  writeModelFile(output, imported.model, { source: basename(file), imageSize: imported.imageSize });
  // Counted as the published figures are: with the constant bins of every head.
  const parameters = profile(imported.model).parameters.training;
  const facts = { ...recognised(imported), parameters, source: file, output };
  imported.model.dispose();
  if (json) printJson(facts);
  else print(summary(facts).join("\n"));
}

/** Never over what is read. */
function besideFile(file: string): string {
  return file.replace(
    /(\.safetensors|\.pth?)?$/i,
    file.endsWith(".safetensors") ? "-model.safetensors" : ".safetensors",
  );
}

function recognised({ model, traits, part, precision, namesFrom, imageSize }: ImportedWeights) {
  const lead = traits.heads.at(-1)!;
  return {
    model: model.spec.name,
    classes: model.classCount,
    names: model.names,
    namesFrom,
    part,
    precision,
    fused: traits.fused,
    auxiliaryHeads: traits.heads.length - 1,
    head: lead,
    ...(imageSize === undefined ? {} : { imageSize }),
  };
}

const SHOWN_NAMES = 10;

interface Facts extends ReturnType<typeof recognised> {
  readonly parameters: number;
  readonly output: string;
}

function summary(facts: Facts): string[] {
  const { model, parameters, classes, names, namesFrom, part, precision, fused, auxiliaryHeads, head } = facts;
  const more = names.length > SHOWN_NAMES ? ` … and ${names.length - SHOWN_NAMES} more` : "";
  const boxes = head.boxGroups === 1 ? "plain boxes" : "boxes in four groups";
  return [
    `model       ${model}, ${fused ? "fused" : "not fused"}, ${auxiliaryHeads} auxiliary ${auxiliaryHeads === 1 ? "head" : "heads"}`,
    `parameters  ${parameters.toLocaleString("en")} from ${precision}${part === "" ? "" : ` in "${part}"`}`,
    `head        ${boxes} ${head.boxWidth} wide, ${head.classConvolution} class convolutions ${head.classWidth} wide`,
    `classes     ${classes} (names: ${namesFrom}): ${names.slice(0, SHOWN_NAMES).join(", ")}${more}`,
    `written     ${facts.output}`,
  ];
}
