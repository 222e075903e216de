/**
 * The `yolov9` program: its commands, and what happens when one fails. What a command does is in the file named after it; each
 * loads its stage only when it runs, so that `--help` is quick and works without libtorch.
 */
import { Command, CommanderError } from "commander";
import { addBuildNativeCommand } from "./build-native.js";
import { addCompareCommand } from "./compare.js";
import { addDataCommand } from "./data.js";
import { addDetectCommand } from "./detect.js";
import { addDoctorCommand } from "./doctor.js";
import { addDownloadCommand } from "./download.js";
import { addEvaluateCommand } from "./evaluate.js";
import { addExportCommand } from "./export.js";
import { addImportCommand } from "./import.js";
import { Interruption } from "./interruption.js";
import { keyValueAdvice } from "./key-value.js";
import { addInfoCommand } from "./info.js";
import { UsageError } from "../config/index.js";
import { loadPlugins } from "./plugins.js";
import { addTrainCommand } from "./train.js";
import { note } from "../terminal.js";
import { printableLines } from "../printable.js";
import { describeFailure } from "./user-error.js";
import { packageVersion } from "../version.js";
import { addValCommand } from "./val.js";

export { Interruption };

const EXIT_FAILURE = 1;
const EXIT_USAGE = 2;

/** The commands, ready to parse. */
export function yolov9Program(interruption = new Interruption()): Command {
  const program = new Command("yolov9")
    .description("YOLOv9 with PGI and GELAN: train, validate, export and detect")
    .version(packageVersion())
    .exitOverride()
    .configureOutput({ outputError: (text, write) => write(printableLines(text)) })
    .showHelpAfterError("(run with --help for the options)")
    .configureHelp({ showGlobalOptions: false })
    .hook("preAction", (_, command) => loadPlugins(command.opts<{ plugin?: string[] }>().plugin ?? []));
  addTrainCommand(program, interruption);
  addValCommand(program);
  addEvaluateCommand(program);
  addCompareCommand(program);
  addExportCommand(program);
  addDetectCommand(program);
  addImportCommand(program);
  addDownloadCommand(program);
  addDataCommand(program);
  addInfoCommand(program);
  addDoctorCommand(program);
  addBuildNativeCommand(program);
  return program;
}

/**
 * Runs one command line.
 * @param args without `node` and the script's name
 * @param interruption what may end it early; the caller says whether it listens to signals
 * @returns the exit code: 0, 1 for a failure, 2 for a wrong command line, 128 and a signal's number for what was interrupted
 */
export async function run(args: readonly string[], interruption = new Interruption()): Promise<number> {
  const advice = keyValueAdvice(yolov9Program().configureOutput({ writeErr: () => undefined }), args);
  if (advice !== undefined) {
    note(advice);
    return EXIT_USAGE;
  }
  try {
    await yolov9Program(interruption).parseAsync(args, { from: "user" });
    return Number(process.exitCode ?? 0);
  } catch (error) {
    // Commander has printed its own message by now.
    if (error instanceof CommanderError) return error.exitCode === 0 ? 0 : EXIT_USAGE;
    note(describeFailure(error, isDebug()));
    return error instanceof UsageError ? EXIT_USAGE : EXIT_FAILURE;
  }
}

function isDebug(): boolean {
  const { DEBUG } = process.env;
  return DEBUG !== undefined && DEBUG !== "" && DEBUG !== "0";
}
