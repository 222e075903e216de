/**
 * The process that parses hostile inputs, one after the other, and says of each whether all is well. It may write in its own folder only,
 * where the last input is found should it die. `main.ts` starts it; what it prints is a line of JSON an event.
 */
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { Random } from "../data/augment/random.js";
import { mutated } from "./mutations.js";
import { print } from "../terminal.js";
import type { Parser, Prepared, Texts } from "./parser.js";
import { parserNamed } from "./parsers.js";
import type { Order, Report } from "./protocol.js";
import { verdict, wrongMessage } from "./verdict.js";

const MEGABYTE = 2 ** 20;
const PROGRESS_MS = 1000;

async function main(order: Order): Promise<void> {
  const parser = parserNamed(order.parser);
  const path = join(order.folder, parser.file);
  mkdirSync(dirname(path), { recursive: true });
  const prepared = await parser.prepare(order.folder);
  const seeds = prepared.seeds.map((seed) => Buffer.from(seed));
  // The first input loads and compiles what all others use; that is not theirs to answer for.
  for (const seed of seeds) await attempt(parser, path, order.folder, whole(prepared, seed));
  if (order.files !== undefined) {
    for (const file of order.files) {
      const { wrong, cost, message } = await attempt(parser, path, order.folder, readFileSync(file));
      report({ kind: "parsed", wrong, message, ...cost });
    }
    return;
  }
  const key = Buffer.from(order.parser).reduce((sum, byte) => (31 * sum + byte) % 0x7fffffff, 7);
  const start = performance.now();
  let told = start;
  let index = order.from;
  for (; index < order.to && performance.now() - start < order.seconds * 1000; index++) {
    const input = whole(prepared, mutated(seeds, parser.text, new Random(order.seed, key, index)));
    const { wrong } = await attempt(parser, path, order.folder, input);
    if (wrong !== undefined) report({ kind: "finding", index, wrong, input: input.toString("base64") });
    if (performance.now() - told < PROGRESS_MS) continue;
    told = performance.now();
    report({ kind: "progress", index });
  }
  report({ kind: "done", index });
}

function whole({ wrap = (bytes) => bytes }: Prepared, seed: Buffer): Buffer {
  return wrap(seed);
}

async function attempt(parser: Parser, path: string, folder: string, input: Buffer) {
  writeFileSync(path, input);
  const memory = process.memoryUsage.rss();
  const peak = process.resourceUsage().maxRSS;
  const processor = process.cpuUsage();
  let thrown: unknown;
  let texts: Texts;
  try {
    texts = await parser.parse(path, folder);
  } catch (error) {
    thrown = error;
  }
  const { user, system } = process.cpuUsage(processor);
  const { maxRSS } = process.resourceUsage();
  // A new peak is this input's; where there is none, it took less than some other.
  const megabytes = maxRSS > peak ? maxRSS / 1024 - memory / MEGABYTE : 0;
  const cost = { seconds: (user + system) / 1e6, megabytes };
  const wrong = verdict(thrown, parser.namesFile === false ? undefined : path, cost);
  const message = thrown instanceof Error ? thrown.message : "";
  return { cost, message, wrong: wrong ?? texts?.map((text) => wrongMessage(text)).find((text) => text !== undefined) };
}

function report(event: Report): void {
  print(JSON.stringify(event));
}

await main(JSON.parse(process.argv[2] ?? "{}") as Order);
process.exit(0);
