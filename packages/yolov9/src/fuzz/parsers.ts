/** All parsers of files that come from elsewhere. A new one is added to one of the two tables. */
import { dataParsers } from "./data-parsers.js";
import type { Parser } from "./parser.js";
import { weightParsers } from "./weight-parsers.js";

export const parsers: readonly Parser[] = [...weightParsers, ...dataParsers];

/** @throws Error naming the known ones */
export function parserNamed(name: string): Parser {
  const found = parsers.find((parser) => parser.name === name);
  if (found !== undefined) return found;
  throw new Error(`no parser "${name}"; there are ${parsers.map((parser) => parser.name).join(", ")} and all`);
}
