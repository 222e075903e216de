/**
 * The only place where the program writes to standard output and standard error, so that nothing in a name or a message reaches a
 * terminal as an instruction.
 */
import pc from "picocolors";
import { printable, printableJson, printableLines } from "./printable.js";

/** A result: standard output. */
export function print(text: string): void {
  process.stdout.write(`${printableLines(text)}\n`);
}

/** A result with picocolors' colours, if the terminal shows colours. Text from files must be printable before it is coloured. */
export function printColoured(text: string): void {
  process.stdout.write(`${showsColours() ? withColours(text) : printableLines(text.replace(COLOUR, ""))}\n`);
}

/** picocolors colours what goes to a file, too, where continuous integration runs it. */
function showsColours(): boolean {
  const { FORCE_COLOR = "" } = process.env;
  return pc.isColorSupported && (process.stdout.isTTY || !["", "0"].includes(FORCE_COLOR));
}

/** One JSON value and nothing else on standard output. */
export function printJson(value: unknown): void {
  process.stdout.write(`${printableJson(value)}\n`);
}

/** A remark that must not disturb what is piped: standard error. */
export function note(text: string): void {
  process.stderr.write(`${printableLines(text)}\n`);
}

const ESCAPE = "\u001b";
/** What sets a colour or the weight. */
const COLOUR = new RegExp(`${ESCAPE}\\[\\d{1,2}m`, "g");

/** Lets through what sets colours and weight, and no other sequence. */
function withColours(text: string): string {
  const [first, ...rest] = text.split(ESCAPE);
  const kept = rest.map((part) => (/^\[\d{1,2}m/.test(part) ? ESCAPE : printable(ESCAPE)) + printableLines(part));
  return printableLines(first!) + kept.join("");
}
