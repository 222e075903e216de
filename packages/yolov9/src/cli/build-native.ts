/** `yolov9 build-native`: compiles the bridge to libtorch, which training needs and the packages do not carry. */
import { spawnSync } from "node:child_process";
import { join } from "node:path";
import { buildScript, writableBridgeFolder } from "@yolov9/torch/bridge-places";
import type { Command } from "commander";
import { print } from "../terminal.js";

export function addBuildNativeCommand(program: Command): void {
  program
    .command("build-native")
    .description(
      "compile the bridge to libtorch with g++: into the package, or into the user's cache where that is read-only",
    )
    .addHelpText(
      "after",
      "\nExamples:\n  yolov9 build-native  # only what changed is compiled again; `yolov9 doctor` says what is missing",
    )
    .action(buildNative);
}

function buildNative(): void {
  const folder = writableBridgeFolder();
  const { status } = spawnSync(process.execPath, [buildScript, folder], { stdio: "inherit" });
  if (status === 0) print(join(folder, "bridge.node"));
  else process.exitCode = 1;
}
