/**
 * Fuzzes one parser in a process of its own, which may write nothing outside a scratch folder: Node's permissions see to that. A process
 * that dies, or says nothing for too long, is a finding like a wrong error; the input is then what lies in its folder.
 */
import { spawn, type ChildProcess } from "node:child_process";
import { existsSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { parserNamed } from "./parsers.js";
import type { Order, Report } from "./protocol.js";

/** The worker as it is built; tests of source run it too. */
const WORKER = fileURLToPath(new URL("../../dist/fuzz/worker.js", import.meta.url));
/** An input takes milliseconds; a busy machine stretches them. */
const SILENCE_MS = 60_000;

export interface Finding {
  readonly parser: string;
  readonly index: number;
  readonly wrong: string;
  readonly input: Buffer;
}

export interface FuzzOptions {
  readonly seed: number;
  /** How many inputs, and for how long at most. */
  readonly inputs: number;
  readonly seconds: number;
}

export interface FuzzResult {
  readonly tried: number;
  readonly seconds: number;
  readonly findings: readonly Finding[];
}

/** More findings of one parser are not collected. */
const MOST_FINDINGS = 10;

/** @throws Error for an unknown parser */
export async function fuzz(parser: string, options: FuzzOptions): Promise<FuzzResult> {
  const to = Math.ceil(options.inputs / (parserNamed(parser).slowness ?? 1));
  const findings: Finding[] = [];
  const start = performance.now();
  const elapsed = (): number => (performance.now() - start) / 1000;
  let next = 0;
  while (next < to && elapsed() < options.seconds && findings.length < MOST_FINDINGS) {
    const order = { parser, seed: options.seed, from: next, to, seconds: options.seconds - elapsed() };
    const { index, died } = await runWorker(order, (report) => {
      if (report.kind === "finding") findings.push({ parser, ...report, input: Buffer.from(report.input, "base64") });
    });
    next = index;
    if (died === undefined) break;
    findings.push({ parser, index, ...died });
    next = index + 1;
  }
  return { tried: next, seconds: elapsed(), findings };
}

export interface Measured {
  readonly wrong?: string | undefined;
  readonly message: string;
  readonly seconds: number;
  readonly megabytes: number;
}

/** Parses given files, each copied to where the parser wants it. @throws Error when the process dies */
export async function measure(parser: string, files: readonly string[]): Promise<Measured[]> {
  const measured: Measured[] = [];
  const order = { parser, seed: 0, from: 0, to: 0, seconds: 0, files: files.map((file) => resolve(file)) };
  const { died } = await runWorker(order, (report) => {
    if (report.kind === "parsed") measured.push(report);
  });
  if (measured.length === files.length) return measured;
  throw new Error(`${parser}: ${files[measured.length]}: ${died?.wrong ?? "it was not parsed"}`);
}

interface Ended {
  /** The next input that was not tried. */
  readonly index: number;
  readonly died?: { readonly wrong: string; readonly input: Buffer };
}

async function runWorker(order: Omit<Order, "folder">, told: (report: Report) => void): Promise<Ended> {
  const folder = mkdtempSync(join(tmpdir(), "yolov9-fuzz-"));
  const worker = startWorker({ ...order, folder });
  let index = order.from;
  let isDone = false;
  const silence = setTimeout(() => worker.kill("SIGKILL"), SILENCE_MS);
  let errors = "";
  worker.stderr?.on("data", (text: Buffer) => (errors = (errors + text.toString()).slice(-2000)));
  for await (const line of createInterface({ input: worker.stdout! })) {
    silence.refresh();
    const report = JSON.parse(line) as Report;
    if (report.kind !== "parsed") index = report.index;
    if (report.kind === "done") isDone = true;
    told(report);
  }
  clearTimeout(silence);
  const [code, signal] = await ended(worker);
  const last = join(folder, parserNamed(order.parser).file);
  if (!existsSync(last)) throw new Error(`${order.parser}: the process died before the first input: ${errors}`);
  const input = readFileSync(last);
  rmSync(folder, { recursive: true, force: true });
  if (isDone || code === 0) return { index };
  return { index, died: { wrong: `the process ended with ${signal ?? `code ${code}`}: ${errors.trim()}`, input } };
}

function startWorker(order: Order): ChildProcess {
  const permission = process.allowedNodeEnvironmentFlags.has("--permission")
    ? "--permission"
    : "--experimental-permission";
  const flags = [
    permission,
    "--allow-fs-read=*",
    `--allow-fs-write=${order.folder}/*`,
    "--allow-addons",
    "--allow-worker",
  ];
  return spawn(process.execPath, [...flags, WORKER, JSON.stringify(order)], {
    stdio: ["ignore", "pipe", "pipe"],
    env: { ...process.env, NODE_NO_WARNINGS: "1", OMP_NUM_THREADS: "1" },
  });
}

function ended(worker: ChildProcess): Promise<[code: number | null, signal: NodeJS.Signals | null]> {
  if (worker.exitCode !== null || worker.signalCode !== null)
    return Promise.resolve([worker.exitCode, worker.signalCode]);
  return new Promise((resolve) =>
    worker.once("exit", (code, signal) => {
      resolve([code, signal]);
    }),
  );
}
