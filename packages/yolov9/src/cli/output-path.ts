/** Where a command writes: never over what it reads. */
import { resolve } from "node:path";
import { UserError } from "./user-error.js";

/** @throws UserError when both are the same file */
export function refuseSameFile(output: string, read: string): void {
  if (resolve(output) === resolve(read)) throw new UserError(`${output}: is the file that is read; name another`);
}
