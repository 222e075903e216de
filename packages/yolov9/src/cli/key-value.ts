/**
 * Arguments as users of similar programs type them (`train data=x epochs=3 model=yolov9-t.pt`): not taken, but answered with the command
 * line that says the same here.
 */
import { existsSync } from "node:fs";
import type { Command } from "commander";
import { flagOf } from "../config/index.js";
import { didYouMean } from "../model/did-you-mean.js";

/** Words that those programs have before or among the keys, and the command that each means here. */
const MODES: Readonly<Record<string, string>> = { train: "train", val: "val", predict: "detect", export: "export" };
const TASKS = ["detect", "segment", "pose", "classify", "obb"];

/** Keys that have another name here. */
const RENAMED: Readonly<Record<string, string>> = {
  max_det: "max-detections",
  agnostic_nms: "agnostic",
  save: "images",
  single_cls: "single-class",
};

const EXPLANATION = "error: options are flags here (--epochs 3, not epochs=3)";

interface KeyValue {
  readonly key: string;
  readonly value: string;
}

/**
 * @param program the commands, not parsed yet; parsing is tried on them
 * @param args as typed
 * @returns what to print; undefined where no argument is a `key=value`
 */
export function keyValueAdvice(program: Command, args: readonly string[]): string | undefined {
  const command = commandOf(program, args);
  const operands = operandsOf(command ?? program, args);
  const pairs = operands.flatMap((operand) => pairOf(operand) ?? []);
  if (pairs.length === 0) return undefined;
  const words = [...operands, ...pairs.flatMap(({ key, value }) => (key === "mode" ? [value] : []))];
  const mode = words.find((word) => Object.hasOwn(MODES, word));
  const meant = mode === undefined ? command : program.commands.find((candidate) => candidate.name() === MODES[mode]);
  if (meant === undefined) return `${EXPLANATION}, after a command such as train`;
  const typed = args.slice(command === undefined ? 0 : pathOf(command).length);
  const translated = typed.map((arg) => {
    const pair = operands.includes(arg) ? pairOf(arg) : undefined;
    if (pair !== undefined) return translate(pair, meant);
    return { text: operands.includes(arg) && isWord(arg) ? [] : [quoted(arg)] };
  });
  const line = ["yolov9", ...pathOf(meant), ...translated.flatMap(({ text }) => text)].join(" ");
  const leftOut = translated.flatMap(({ problem }) => problem ?? []);
  return [`${EXPLANATION}; the same command is`, `  ${line}`, ...leftOut].join("\n");
}

/** The command that the first words name; undefined for none. */
function commandOf(program: Command, args: readonly string[]): Command | undefined {
  let command: Command | undefined;
  let candidates = program.commands;
  for (const arg of args) {
    const next = candidates.find((candidate) => candidate.name() === arg || candidate.aliases().includes(arg));
    if (next === undefined) break;
    command = next;
    candidates = next.commands;
  }
  return command;
}

/** What is neither a flag nor the value of one, without the words that name the command. */
function operandsOf(command: Command, args: readonly string[]): string[] {
  try {
    const { operands, unknown } = command.parseOptions([...args]);
    return [...operands, ...unknown].slice(pathOf(command).length).filter((operand) => !operand.startsWith("-"));
  } catch {
    // A flag without its value: the usual message says so.
    return [];
  }
}

function pathOf(command: Command): string[] {
  return command.parent === null ? [] : [...pathOf(command.parent), command.name()];
}

function pairOf(text: string): KeyValue | undefined {
  const [, key, value] = /^([A-Za-z]\w*)=(.*)$/s.exec(text) ?? [];
  return key === undefined || value === undefined || existsSync(text) ? undefined : { key, value };
}

function isWord(operand: string): boolean {
  return Object.hasOwn(MODES, operand) || TASKS.includes(operand);
}

interface Translated {
  readonly text: readonly string[];
  /** Why a pair has no flag. */
  readonly problem?: string;
}

function translate({ key, value }: KeyValue, command: Command): Translated {
  if (key === "mode" || key === "task") return { text: [] };
  if (key === "source") return { text: [quoted(value)] };
  if (key === "model") return { text: modelFlag(value, command) };
  const name = RENAMED[key] ?? flagOf(key).slice(2).replaceAll("_", "-");
  const option = command.options.find(({ long, short }) => [long, short].includes(`--${name}`));
  if (option === undefined) {
    const known = command.options.flatMap(({ long }) => long ?? []);
    const hint = didYouMean(`--${name}`, known);
    return { text: [], problem: `left out: ${key}=${value}: no such option${hint.includes("did you") ? hint : ""}` };
  }
  if (option.required || option.optional) return { text: [`--${name}`, quoted(value)] };
  return { text: [/^(false|0|no|off)$/i.test(value) ? `--no-${name}` : `--${name}`] };
}

/** In those programs, `model` is the weights unless it is the description of a model. */
function modelFlag(value: string, command: Command): string[] {
  const [, zooName] = /^([\w-]+)\.ya?ml$/i.exec(value) ?? [];
  if (zooName !== undefined && !existsSync(value)) return ["--model", zooName];
  const isDescription = /\.ya?ml$/i.test(value) || (command.name() === "train" && !/\.\w+$/.test(value));
  return [isDescription ? "--model" : "--weights", quoted(value)];
}

/** For a shell, only where it must be. */
function quoted(value: string): string {
  return /^[\w@%+=:,./-]+$/.test(value) ? value : `'${value.replaceAll("'", String.raw`'\''`)}'`;
}
