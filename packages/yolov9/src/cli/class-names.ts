/** Class names as a user gives them on the command line: a YAML file with a key `names`, or a list separated by commas. */
import { readDescription } from "../data/index.js";
import { UserError } from "./user-error.js";

/** @throws UserError or DatasetError naming the file when it has no names */
export async function readClassNames(given: string | undefined): Promise<string[] | undefined> {
  if (given === undefined) return undefined;
  if (!/\.ya?ml$/i.test(given)) return given.split(",").map((name) => name.trim());
  const { description } = await readDescription(given);
  if (description.names === undefined) throw new UserError(`${given}: has no key "names"`);
  return description.names;
}
