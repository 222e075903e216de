// Runs the real command line program, as a person would, and reads its JSON. What is run is what the report shows.

import { spawn } from "node:child_process";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import type { z } from "zod";

/** The root of the repository: commands run there, and their paths are relative to it. */
export const ROOT = fileURLToPath(new URL("../../", import.meta.url));

const PROGRAM = join(ROOT, "packages", "yolov9", "bin", "yolov9.js");

/** Exit codes of a command that SIGHUP, SIGINT or SIGTERM has ended. */
const INTERRUPTED = [129, 130, 143];

/** A command of the demo was interrupted or failed. What it had to say is on the terminal already. */
export class CommandError extends Error {
  override name = "CommandError";
}

/** The command as it would be typed. */
export function commandLine(args: readonly string[]): string {
  return ["npx yolov9", ...args.map((arg) => (/^[\w./=-]+$/.test(arg) ? arg : `'${arg}'`))].join(" ");
}

/** Runs `yolov9 ARGS` with its output on the terminal. */
export async function runCommand(args: readonly string[]): Promise<void> {
  await execute(args, "inherit");
}

/** Runs `yolov9 ARGS --json`. @returns its output, checked against a schema */
export async function runForJson<Schema extends z.ZodType>(
  args: readonly string[],
  schema: Schema,
): Promise<z.output<Schema>> {
  return schema.parse(JSON.parse(await execute([...args, "--json"], "pipe")));
}

function execute(args: readonly string[], stdout: "inherit" | "pipe"): Promise<string> {
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, [PROGRAM, ...args], { cwd: ROOT, stdio: ["ignore", stdout, "inherit"] });
    let output = "";
    child.stdout?.setEncoding("utf8").on("data", (text: string) => (output += text));
    // Ctrl-C reaches the child too, which finishes its step and saves; the demo waits for it.
    const wait = () => undefined;
    process.on("SIGINT", wait);
    child.once("error", reject);
    child.once("close", (code, signal) => {
      process.off("SIGINT", wait);
      if (code === 0) resolve(output);
      else if (code !== null && INTERRUPTED.includes(code))
        reject(new CommandError(`'${commandLine(args)}' was interrupted; 'make demo' goes on with it`));
      else reject(new CommandError(`'${commandLine(args)}' ended with ${signal ?? `exit code ${String(code)}`}`));
    });
  });
}
