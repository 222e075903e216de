/**
 * Reads a YAML text of the user and remembers where its parts stand, so that a message about a value can name its line. A text that would
 * exhaust the parser or whoever takes its value is refused first: too long, too deep, or multiplying itself by aliases.
 */
import { readFileSync, statSync } from "node:fs";
import { Lexer, LineCounter, Parser, isAlias, isMap, isNode, isPair, isScalar, parseDocument, visit } from "yaml";
import type { Document } from "yaml";
import { messageOf } from "./error-message.js";

const MOST_CHARACTERS = 2 ** 20;
/** A character has up to four. */
const MOST_BYTES = 4 * MOST_CHARACTERS;
/** Lists and maps in each other. The parser calls itself for each, and Node itself dies when that goes too deep. */
const DEEPEST_NESTING = 100;
const MOST_ALIASES = 1000;
/** Values of the whole, with what aliases repeat. */
const MOST_VALUES = 500_000;

/** A text that is no YAML, or more of it than is read. The message begins with the source and, where it is known, the line. */
export class YamlError extends Error {
  override readonly name = "YamlError";
}

interface YamlValue {
  /** Null for an empty text. */
  readonly value: unknown;
  /** The line of the deepest part of the path that exists. */
  readonly lineOf: (keys: readonly PropertyKey[]) => number;
}

/**
 * @param source what messages call the text, such as the path of its file
 * @throws YamlError
 */
export function readYaml(text: string, source: string): YamlValue {
  const plain = text.replace(/^\uFEFF/, "");
  refuseExcess(plain, source);
  const lines = new LineCounter();
  const document = parseDocument(plain, { lineCounter: lines });
  const [broken] = document.errors;
  if (broken !== undefined) {
    throw new YamlError(
      `${source}:${lines.linePos(broken.pos[0]).line}: not a YAML file: ${firstLine(broken.message)}`,
    );
  }
  refuseAliases(document, lines, source);
  return { value: valueOf(document, source), lineOf: (keys) => lineOf(document, lines, keys) };
}

/**
 * The same for a file.
 * @throws YamlError also for what is no plain file, cannot be read or is too large
 */
export function readYamlFile(path: string, source = path): YamlValue {
  let text: string;
  try {
    const found = statSync(path);
    if (!found.isFile()) throw new Error("it is no plain file");
    if (found.size > MOST_BYTES) throw new Error(`it has ${found.size} bytes; at most ${MOST_BYTES} of YAML are read`);
    text = readFileSync(path, "utf8");
  } catch (error) {
    throw new YamlError(`${source}: cannot be read (${messageOf(error)})`);
  }
  return readYaml(text, source);
}

/** Goes through the text without building anything. */
function refuseExcess(text: string, source: string): void {
  if (text.length > MOST_CHARACTERS) {
    throw new YamlError(`${source}: has ${text.length} characters; at most ${MOST_CHARACTERS} of YAML are read`);
  }
  const parser = new Parser();
  let line = 1;
  for (const lexeme of new Lexer().lex(text)) {
    // What the parser gives is not wanted, only how many lists and maps are open then.
    Array.from(parser.next(lexeme));
    if (parser.stack.length > DEEPEST_NESTING) {
      throw new YamlError(`${source}:${line}: lists and maps lie in each other more than ${DEEPEST_NESTING} deep`);
    }
    for (let at = lexeme.indexOf("\n"); at >= 0; at = lexeme.indexOf("\n", at + 1)) line++;
  }
}

/** The parser finds the anchor of an alias by looking through all of them, and throws an error of the language for one that is missing. */
function refuseAliases(document: Document, lines: LineCounter, source: string): void {
  const anchors = new Set<string>();
  let aliases = 0;
  visit(document, {
    Node: (_, node) => {
      const place = (): string => `${source}:${lines.linePos(node.range?.[0] ?? 0).line}`;
      if (!isAlias(node)) {
        if (node.anchor !== undefined) anchors.add(node.anchor);
      } else if (!anchors.has(node.source)) throw new YamlError(`${place()}: *${node.source} names no earlier &anchor`);
      else if (++aliases > MOST_ALIASES) throw new YamlError(`${place()}: more than ${MOST_ALIASES} aliases`);
    },
  });
}

/** Aliases of aliases are shared in memory, but whoever walks through the value meets each of them anew. */
function valueOf(document: Document, source: string): unknown {
  let value: unknown;
  try {
    value = document.toJS();
  } catch (error) {
    throw new YamlError(`${source}: ${messageOf(error)}`);
  }
  const waiting = [value];
  let values = 0;
  while (waiting.length > 0) {
    if (++values > MOST_VALUES) throw new YamlError(`${source}: has more than ${MOST_VALUES} values, aliases repeated`);
    const next = waiting.pop();
    if (typeof next === "object" && next !== null) for (const part of Object.values(next)) waiting.push(part);
  }
  return value;
}

function firstLine(text: string): string {
  return text.split("\n", 1)[0]!.replace(/ at line \d+, column \d+:$/, "");
}

function lineOf(document: Document, lines: LineCounter, keys: readonly PropertyKey[]): number {
  for (let depth = keys.length; depth > 0; depth--) {
    const offset = offsetOf(document, keys.slice(0, depth));
    if (offset !== undefined) return lines.linePos(offset).line;
  }
  return 1;
}

/** Where a key (or, in a list, an item) begins. */
function offsetOf(document: Document, keys: readonly PropertyKey[]): number | undefined {
  const parent: unknown = keys.length === 1 ? document.contents : document.getIn(keys.slice(0, -1), true);
  const last = keys.at(-1);
  if (isMap(parent)) {
    const pair = parent.items.find((item) => isPair(item) && isScalar(item.key) && String(item.key.value) === last);
    return isScalar(pair?.key) ? pair.key.range?.[0] : undefined;
  }
  const node: unknown = document.getIn(keys, true);
  return isNode(node) ? node.range?.[0] : undefined;
}
