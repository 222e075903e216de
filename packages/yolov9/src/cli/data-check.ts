/** `yolov9 data check`: looks a data set over, tells what is wrong with it, and repairs labels into a new folder. */
import { writeWhole } from "@yolov9/torch/whole-file";
import type { Command } from "commander";
import { DataCheckConfig } from "../config/index.js";
import type { CheckResult } from "../data/check/index.js";
import { shellText } from "../shell-text.js";
import { configurationOf, describeCommand } from "./command.js";
import { noteUnderstanding } from "../program/open-split.js";
import { progressBar } from "./progress-bar.js";
import { UserError } from "./user-error.js";
import { note, print, printColoured, printJson } from "../terminal.js";

export function addDataCheckCommand(data: Command): void {
  const command = data.command("check");
  describeCommand(command, {
    description: "look at every image and label of a data set; the exit code tells whether something is wrong",
    schema: DataCheckConfig,
    examples: [
      ["yolov9 data check --data data.yaml", "what is wrong, with file and line"],
      ["yolov9 data check --data cells/ --report check.html", "plots, and a picture of each finding"],
      ["yolov9 data check --data cells/ --fix", "how labels would be repaired"],
      ["yolov9 data check --data cells/ --fix --output fixed", "repaired labels in a new folder"],
      ["yolov9 data check --data cells/ --json --strict", "for programs and continuous integration"],
      ["yolov9 data check --data cells/ --write-yaml cells.yaml", "how the folder was understood, as a file to edit"],
    ],
  })
    .option("--json", "print one JSON object instead of text")
    .action(() => check(command));
}

async function check(command: Command): Promise<void> {
  const { json } = command.opts<{ json?: boolean }>();
  const config = configurationOf(command, DataCheckConfig);
  if (config.output !== undefined && !config.fix)
    throw new UserError("--output is for repaired labels: give --fix too");
  const { checkDataset, checkJson, checkReport, checkText, isAtLeast } = await import("../data/check/index.js");
  const bar = progressBar("looking at images");
  const { pixels, workers, strict, maxMegapixels } = config;
  const options = {
    pixels,
    strict,
    maxPixels: maxMegapixels * 1e6,
    onProgress: bar.update,
    ...(workers !== undefined && { workers }),
  };
  const result = await checkDataset(config.data, options).finally(bar.stop);
  if (json === true) printJson(checkJson(result));
  else printColoured(checkText(result, config.show));
  if (result.dataset) noteUnderstanding(result.dataset, note);
  if (config.writeYaml !== undefined) await describe(result, config.writeYaml);
  if (config.report !== undefined) {
    writeWhole(config.report, await checkReport(result));
    note(`report in ${config.report}`);
  }
  if (config.fix) await fix(result, config, json === true ? note : print);
  if (config.failOn !== "never" && isAtLeast(result, config.failOn)) process.exitCode = 1;
}

async function describe({ path, dataset }: CheckResult, file: string): Promise<void> {
  if (!dataset) {
    note(`${file} is not written: the data set was not understood`);
    return;
  }
  const { writeDescription } = await import("../data/index.js");
  await writeDescription(path, dataset, file);
  note(`description in ${file}; use it with --data ${shellText(file)}`);
}

async function fix(
  { dataset, findings }: CheckResult,
  { data, output }: DataCheckConfig,
  say: (text: string) => void,
): Promise<void> {
  if (!dataset) return;
  const { planRepairs, writeRepairs } = await import("../data/check/index.js");
  const repairs = await planRepairs(dataset, findings);
  for (const { file, diff } of repairs) say(`--- ${file}\n+++ ${file} (repaired)\n${diff}`);
  const sum = (count: (repair: (typeof repairs)[number]) => number) =>
    repairs.reduce((all, one) => all + count(one), 0);
  const rows = `${sum(({ dropped }) => dropped)} rows dropped, ${sum(({ clipped }) => clipped)} boxes cut`;
  if (output === undefined) {
    say(`${repairs.length} label files would change: ${rows}; --output FOLDER writes them`);
    return;
  }
  await writeRepairs(data, dataset, repairs, output);
  say(`${repairs.length} label files repaired: ${rows}; use them with --data ${output}`);
}
