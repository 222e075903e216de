/** What a parser may do with an input: succeed, or say in an ordinary error what is wrong with which file. Everything else is a bug. */
import { basename } from "node:path";

export interface Cost {
  /** Of the processor, so that other programs do not count. */
  readonly seconds: number;
  readonly megabytes: number;
}

/** The limit of the issue is one second; sanitizers, cold caches and shared processors take their part. */
const MOST_SECONDS = 3;
const MOST_MEGABYTES = 300;
const LONGEST_MESSAGE = 20_000;

/** Words of errors that the language raises; an error that only wraps one is a bug too. */
const BUG_WORDS =
  /Maximum call stack|Invalid (?:array|string|typed array) length|Array buffer allocation|Cannot (?:read|set|convert|destructure|mix)|is not (?:a function|iterable|a constructor)|is not defined|Assertion|\bENOMEM\b|ERR_ACCESS_DENIED|Access to this API/;

/**
 * @param thrown what the parser threw, undefined when it succeeded
 * @param file that messages must name; undefined where the parser has no file
 * @returns what is wrong, undefined when all is well
 */
export function verdict(thrown: unknown, file: string | undefined, cost: Cost): string | undefined {
  if (cost.seconds > MOST_SECONDS) return `took ${cost.seconds.toFixed(1)} s`;
  if (cost.megabytes > MOST_MEGABYTES) return `took ${Math.round(cost.megabytes)} MB`;
  if (thrown === undefined) return undefined;
  if (!(thrown instanceof Error)) return `threw ${typeof thrown}`;
  if (["TypeError", "ReferenceError", "SyntaxError", "AssertionError", "EvalError"].includes(thrown.name)) {
    return `threw ${thrown.name}: ${thrown.message}`;
  }
  return wrongMessage(thrown.message, file);
}

/** What is wrong with a text for the user. Control characters are none of the parsers' business: `printable.ts` holds them back. */
export function wrongMessage(message: string, file?: string): string | undefined {
  const shown = JSON.stringify(message.slice(0, 500));
  if (BUG_WORDS.test(message)) return `speaks of a bug: ${shown}`;
  if (message.trim() === "") return "says nothing";
  if (file !== undefined && !namesPlace(message, file)) return `does not name the file: ${shown}`;
  if (message.length > LONGEST_MESSAGE) return `has ${message.length} characters: ${shown}`;
  return undefined;
}

/** A message names the file, the scratch folder that is the data set, or the row of another model file that this one extends. */
function namesPlace(message: string, file: string): boolean {
  return (
    message.includes(basename(file)) || /yolov9-fuzz-\w+: /.test(message) || /^[\w-]+\.yaml:\d+: row /.test(message)
  );
}
