/**
 * Fetches one file over HTTP to a path: in parts, so that a broken download goes on where it stopped, with its size checked before it
 * appears under its name. The server is not trusted: length, redirects and waiting are bounded, and https does not become http.
 */
import { createHash } from "node:crypto";
import { createReadStream, existsSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { open } from "node:fs/promises";
import { dirname } from "node:path";
import { moveIntoPlace } from "@yolov9/torch/whole-file";
import { z } from "zod";

import { makeFolder } from "../make-folder.js";

export interface FetchOptions {
  /** More than this is refused. */
  readonly largestBytes: number;
  /** SHA-256 that the file must have, as 64 lower-case hexadecimal digits. Default: any. */
  readonly sha256?: string | undefined;
  /** Longest silence of the server. Default 60 s. */
  readonly silenceSeconds?: number;
  readonly onProgress?: ((doneBytes: number, totalBytes: number) => void) | undefined;
}

/** The download failed; what came so far is kept, and the same call goes on with it. */
export class DownloadError extends Error {
  override readonly name = "DownloadError";
}

const MOST_REDIRECTS = 5;
const SILENCE_SECONDS = 60;

/** What is known of an unfinished download, beside it: which address and version of the file the part belongs to. */
const partState = z.object({ address: z.string(), version: z.string().nullable(), totalBytes: z.int().positive() });
type PartState = z.output<typeof partState>;

/**
 * @returns the size in bytes
 * @throws DownloadError naming the address; nothing lies at `path` then, unless it did before
 */
export async function fetchFile(address: string, path: string, options: FetchOptions): Promise<number> {
  makeFolder(dirname(path));
  const part = `${path}.part`;
  const known = readPart(part, address);
  try {
    const total = await fetchInto(part, address, known, options);
    const size = statSync(part).size;
    if (size !== total) throw new DownloadError(`got ${size} of ${total} bytes; the same command goes on from there`);
    if (options.sha256 !== undefined) await refuseOtherThan(options.sha256, part);
    moveIntoPlace(part, path);
    rmSync(`${part}.json`, { force: true });
    return size;
  } catch (error) {
    throw new DownloadError(`${address}: ${reasonOf(error)}`, { cause: error });
  }
}

/** @throws DownloadError for a file with another checksum, which is removed */
async function refuseOtherThan(sha256: string, part: string): Promise<void> {
  const hash = createHash("sha256");
  for await (const bytes of createReadStream(part)) hash.update(bytes as Buffer);
  const found = hash.digest("hex");
  if (found === sha256) return;
  rmSync(part);
  rmSync(`${part}.json`, { force: true });
  throw new DownloadError(
    `the file has the SHA-256 ${found}, but its publisher states ${sha256}: it was damaged or replaced on its way and is removed`,
  );
}

/** Bytes that are there already, with what they are. */
interface KnownPart extends PartState {
  readonly doneBytes: number;
}

function readPart(part: string, address: string): KnownPart | undefined {
  if (!existsSync(part) || !existsSync(`${part}.json`)) return undefined;
  try {
    const state = partState.parse(JSON.parse(readFileSync(`${part}.json`, "utf8")));
    const doneBytes = statSync(part).size;
    return state.address === address && doneBytes <= state.totalBytes ? { ...state, doneBytes } : undefined;
  } catch {
    return undefined;
  }
}

async function fetchInto(
  part: string,
  address: string,
  known: KnownPart | undefined,
  options: FetchOptions,
): Promise<number> {
  if (known !== undefined && known.doneBytes === known.totalBytes) return known.totalBytes;
  const silence = new SilenceTimer((options.silenceSeconds ?? SILENCE_SECONDS) * 1000);
  try {
    const response = await request(address, known, silence.signal);
    const { start, total } = extent(response, known);
    if (total > options.largestBytes) {
      throw new DownloadError(`the server wants to send ${total} bytes; at most ${options.largestBytes} are taken`);
    }
    const state: PartState = { address, version: response.headers.get("etag"), totalBytes: total };
    writeFileSync(`${part}.json`, JSON.stringify(state));
    await receive(response, part, { start, total }, silence, options.onProgress);
    return total;
  } finally {
    silence.stop();
  }
}

/** Follows redirects by hand, so that each is looked at. */
async function request(address: string, known: KnownPart | undefined, signal: AbortSignal): Promise<Response> {
  // If-Range makes a server send the whole file where it has changed.
  const resume =
    known?.version === undefined || known.version === null || known.doneBytes === 0
      ? {}
      : { range: `bytes=${known.doneBytes}-`, "if-range": known.version };
  let url = new URL(address);
  for (let redirects = 0; redirects <= MOST_REDIRECTS; redirects++) {
    const response = await fetch(url, {
      redirect: "manual",
      signal,
      headers: { "accept-encoding": "identity", ...resume },
    });
    const location = response.headers.get("location");
    if (response.status < 300 || response.status >= 400 || location === null) return response;
    await response.body?.cancel();
    const next = new URL(location, url);
    if (next.protocol !== "https:" && next.protocol !== url.protocol) {
      throw new DownloadError(`refuses to follow a redirect from ${url.protocol} to ${next.protocol}`);
    }
    url = next;
  }
  throw new DownloadError(`more than ${MOST_REDIRECTS} redirects`);
}

/** Where the answer begins in the file, and how long the file is. */
function extent(response: Response, known: KnownPart | undefined): { start: number; total: number } {
  const { status, headers } = response;
  if (status === 206 && known !== undefined) {
    const [, start, total] = /^bytes (\d+)-\d+\/(\d+)$/.exec(headers.get("content-range") ?? "") ?? [];
    if (Number(start) !== known.doneBytes || Number(total) !== known.totalBytes) {
      throw new DownloadError(
        "the server went on at another place than was asked for; remove the .part file and try again",
      );
    }
    return { start: known.doneBytes, total: known.totalBytes };
  }
  if (status !== 200) throw new DownloadError(`the server answered ${status} ${response.statusText}`.trimEnd());
  const length = headers.get("content-length");
  if (length === null || !/^\d+$/.test(length) || Number(length) === 0) {
    throw new DownloadError("the server does not say how long the file is");
  }
  return { start: 0, total: Number(length) };
}

async function receive(
  response: Response,
  part: string,
  { start, total }: { start: number; total: number },
  silence: SilenceTimer,
  onProgress: FetchOptions["onProgress"],
): Promise<void> {
  if (response.body === null) throw new DownloadError("the server sent nothing");
  const body: AsyncIterable<Uint8Array> = response.body;
  const file = await open(part, start === 0 ? "w" : "a");
  let done = start;
  try {
    for await (const bytes of body) {
      silence.reset();
      done += bytes.length;
      if (done > total) throw new DownloadError(`the server sends more than the ${total} bytes that it announced`);
      await file.writeFile(bytes);
      onProgress?.(done, total);
    }
  } finally {
    await file.close();
  }
}

/** Aborts when nothing has happened for a while. */
class SilenceTimer {
  readonly #controller = new AbortController();
  readonly #milliseconds: number;
  #timer: NodeJS.Timeout;

  constructor(milliseconds: number) {
    this.#milliseconds = milliseconds;
    this.#timer = this.#start();
  }

  get signal(): AbortSignal {
    return this.#controller.signal;
  }

  reset(): void {
    clearTimeout(this.#timer);
    this.#timer = this.#start();
  }

  stop(): void {
    clearTimeout(this.#timer);
  }

  #start(): NodeJS.Timeout {
    return setTimeout(() => {
      this.#controller.abort(new DownloadError(`no byte for ${this.#milliseconds / 1000} s; try again later`));
    }, this.#milliseconds);
  }
}

/** "fetch failed" and "terminated" say nothing; their causes do. */
function reasonOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  if (error instanceof DownloadError || !(error.cause instanceof Error)) return error.message;
  return `${error.cause.message || error.message}; the same command goes on from where it broke off`;
}
