/**
 * How the commands speak about failures: a mistake of the user is one clear line; a bug keeps its stack. `DEBUG=1` in the environment
 * shows every stack.
 */

import { inspect } from "node:util";

/** A mistake that the user can correct; its message says how. Errors of the environment (a missing file) are told the same way. */
export class UserError extends Error {
  override readonly name = "UserError";
}

/** The text to print for whatever was thrown. */
export function describeFailure(error: unknown, debug: boolean): string {
  if (!(error instanceof Error)) return `error: ${String(error)}`;
  // With its causes: the whole text of libtorch is one.
  if (debug) return inspect(error);
  if (isBug(error)) return error.stack ?? error.message;
  return `error: ${systemMessage(error)}`;
}

/** Errors that the language itself raises are ours, not the user's. */
function isBug(error: Error): boolean {
  return error.name === "TypeError" || error.name === "ReferenceError" || error.name === "AssertionError";
}

/** "ENOENT: no such file or directory, open 'x.onnx'" says less than "x.onnx: no such file or directory". */
function systemMessage(error: Error): string {
  const { message } = error;
  const match = /^E[A-Z]+: ([^,]+), \w+ '(.+)'$/.exec(message);
  return match === null ? message : `${match[2] ?? ""}: ${match[1] ?? ""}`;
}
