/**
 * `npm run parity -- FILE…`: compares models with reference files (outputs, loss and gradients at weights computed from the key), prints
 * a line a file and exits with 1 when one is over tolerance.
 */
import { QUANTITIES, TOLERANCES, checkParity, passes, type ParityReport } from "./check-parity.js";
import { readFixture } from "./fixture.js";
import { print } from "../terminal.js";
import { messageOf } from "../error-message.js";

const USAGE = `usage: npm run parity -- FILE…
Prints the largest relative differences |ours − file| / max(|file|, floor). Floors: 1 pixel for boxes and 0.01 for scores,
a millionth of the largest for gradient norms, none for losses and running means. "kernels" compares the gradient norms of
our fused kernels with those of libtorch's separate operators in float64.
Tolerances: ${QUANTITIES.map((name) => `${name} ${TOLERANCES[name].toExponential(0)}`).join(", ")}.`;

const labels = {
  eval: "eval",
  loss: "loss",
  items: "items",
  gradients: "gradients",
  runningMeans: "bn means",
  kernels: "kernels",
} as const;

function main(files: readonly string[]): number {
  if (files.length === 0 || files.includes("--help")) {
    print(USAGE);
    return files.length === 0 ? 1 : 0;
  }
  const failed = files.filter((file) => !check(file));
  if (failed.length > 0) print(`${failed.length} of ${files.length} not equal`);
  return failed.length === 0 ? 0 : 1;
}

function check(file: string): boolean {
  try {
    const report = checkParity(readFixture(file));
    print(lines(report).join("\n"));
    return passes(report);
  } catch (error) {
    print(`${file}: FAILED: ${messageOf(error)}`);
    return false;
  }
}

function lines(report: ParityReport): string[] {
  const { differences, problems, variant, stateDictSize, parameters } = report;
  const numbers = QUANTITIES.map((name) => `${labels[name]} ${differences[name].relative.toExponential(1)}`);
  const over = QUANTITIES.filter((name) => differences[name].relative > TOLERANCES[name]);
  return [
    `${variant.padEnd(10)} ${passes(report) ? "ok    " : "FAILED"} ${numbers.join("  ")}  ` +
      `${stateDictSize} tensors  ${parameters} parameters`,
    ...over.map(
      (name) => `    ${labels[name]} is over ${TOLERANCES[name].toExponential(0)} at ${differences[name].where}`,
    ),
    ...problems.map((problem) => `    ${problem}`),
  ];
}

process.exitCode = main(process.argv.slice(2));
