/** `yolov9 doctor`: what of the machine and its libraries was found, and what to do about what was not. */
import type { Command } from "commander";
import pc from "picocolors";
import { printable } from "../printable.js";
import { printColoured, printJson } from "../terminal.js";

export function addDoctorCommand(program: Command): void {
  const command = program
    .command("doctor")
    .description("check what training and detection need: Node, libtorch, ONNX Runtime, sharp, memory")
    .option("--json", "print one JSON object instead of a list")
    .addHelpText(
      "after",
      "\nExamples:\n  yolov9 doctor         # with remedies for what is missing\n  yolov9 doctor --json  # to attach to a report",
    )
    .action(() => doctor(command));
}

async function doctor(command: Command): Promise<void> {
  const { json } = command.opts<{ json?: boolean }>();
  const { examineMachine } = await import("./machine.js");
  const findings = await examineMachine();
  if (json === true) printJson(findings);
  else {
    for (const { name, ok, facts, remedy } of findings) {
      printColoured(`${ok ? pc.green("✓") : pc.red("✗")} ${pc.bold(name)}`);
      for (const fact of facts) printColoured(`    ${printable(fact)}`);
      if (remedy !== undefined) printColoured(pc.yellow(`    → ${printable(remedy)}`));
    }
  }
  if (findings.some(({ ok }) => !ok)) process.exitCode = 1;
}
