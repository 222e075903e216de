/**
 * `npm run fuzz -- PARSER --minutes N`: tries changed inputs on a parser, or on all, and saves those that it does not bear. The exit code
 * is 1 when there are such.
 */
import { mkdirSync, writeFileSync } from "node:fs";
import { extname, join } from "node:path";
import { parseArgs } from "node:util";
import { print } from "../terminal.js";
import { fuzz, measure, type Finding } from "./fuzz.js";
import { parserNamed, parsers } from "./parsers.js";

const USAGE = `usage: npm run fuzz -- PARSER [--minutes N] [--seed N] [--out FOLDER]
       npm run fuzz -- PARSER --file FILE…
PARSER is one of ${parsers.map(({ name }) => name).join(", ")}, or all.
  --minutes N    how long to go on with each parser (default 1)
  --seed N       begins the random numbers; the same seed tries the same inputs (default: the time)
  --out FOLDER   where inputs are saved that were not borne (default fuzz-findings)
  --file         parses the given files instead, such as saved inputs, and says what each takes`;

async function main(args: string[]): Promise<number> {
  const { values, positionals } = parseArgs({
    args,
    allowPositionals: true,
    options: {
      minutes: { type: "string", default: "1" },
      seed: { type: "string", default: String(Date.now() % 2 ** 31) },
      out: { type: "string", default: "fuzz-findings" },
      file: { type: "boolean", default: false },
      help: { type: "boolean", default: false },
    },
  });
  const [name, ...files] = positionals;
  const [minutes, seed] = [Number(values.minutes), Number(values.seed)];
  if (values.help || name === undefined || !(minutes > 0) || !Number.isInteger(seed)) {
    print(USAGE);
    return values.help ? 0 : 2;
  }
  if (values.file) return parseFiles(name, files);
  let found = 0;
  for (const parser of name === "all" ? parsers.map((one) => one.name) : [parserNamed(name).name]) {
    const { tried, seconds, findings } = await fuzz(parser, {
      seed,
      inputs: Number.MAX_SAFE_INTEGER,
      seconds: 60 * minutes,
    });
    print(`${parser}: ${tried} inputs, ${Math.round(tried / seconds)} per second, ${findings.length} findings (seed ${seed})`); // prettier-ignore
    for (const finding of findings) save(finding, seed, values.out);
    found += findings.length;
  }
  return found === 0 ? 0 : 1;
}

function save({ parser, index, wrong, input }: Finding, seed: number, folder: string): void {
  const path = join(folder, `${parser}-${seed}-${index}${extname(parserNamed(parser).file)}`);
  mkdirSync(folder, { recursive: true });
  writeFileSync(path, input);
  print(`  ${path}: ${wrong}\n  again: npm run fuzz -- ${parser} --file ${path}`);
}

async function parseFiles(parser: string, files: readonly string[]): Promise<number> {
  const measured = await measure(parserNamed(parser).name, files);
  for (const [i, { wrong, message, seconds, megabytes }] of measured.entries()) {
    print(`${files[i]}: ${seconds.toFixed(2)} s, ${Math.round(megabytes)} MB${wrong ? `, WRONG: ${wrong}` : ""}`);
    print(`  ${message || "read"}`);
  }
  return measured.some(({ wrong }) => wrong !== undefined) ? 1 : 0;
}

process.exitCode = await main(process.argv.slice(2));
