/**
 * Files that are there whole or not at all, also after a crash or a power cut: written under a temporary name, flushed to disk, renamed,
 * and the folder flushed too. What killed processes left under temporary names is removed when the next one writes into the folder.
 * It needs no libtorch: `@yolov9/torch/whole-file`.
 */
import {
  closeSync,
  existsSync,
  fsyncSync,
  lstatSync,
  openSync,
  readdirSync,
  renameSync,
  rmSync,
  writeSync,
} from "node:fs";
import { hostname } from "node:os";
import { dirname, join } from "node:path";
import { knowsProcesses, startTime } from "./running-process.js";

/** Takes the next bytes of a file. With `position`, they replace bytes that were written before. */
export type ByteSink = (bytes: Uint8Array, position?: number) => void;

/** A file could not be written; the one that was there before is unchanged. The message names the file and the remedy. */
export class WriteError extends Error {
  override readonly name = "WriteError";
}

/**
 * Writes a file so that readers see the old or the new one, never a part.
 * @param content text, bytes, or a function that hands over one piece after the other
 * @throws WriteError when the system refuses; the old file is as it was, and no part of the new one is left
 */
export function writeWhole(path: string, content: string | Uint8Array | ((write: ByteSink) => void)): void {
  sweepOnce(dirname(path));
  const temporary = temporaryName(path);
  try {
    const file = openSync(temporary, "w");
    try {
      const write: ByteSink = (bytes, position) => writeAll(file, bytes, position);
      if (typeof content === "function") content(write);
      else write(typeof content === "string" ? Buffer.from(content) : content);
      fsyncSync(file);
    } finally {
      closeSync(file);
    }
    renameSync(temporary, path);
    syncFolder(dirname(path));
  } catch (error) {
    rmSync(temporary, { force: true });
    throw explained(path, error);
  }
}

/** Gives a finished file its final name, after both are on disk. */
export function moveIntoPlace(from: string, to: string): void {
  try {
    const file = openSync(from, "r+");
    try {
      fsyncSync(file);
    } finally {
      closeSync(file);
    }
    renameSync(from, to);
    syncFolder(dirname(to));
  } catch (error) {
    throw explained(to, error);
  }
}

/** The name under which this process writes a file or folder before it gets its own; `removeLeftovers` knows it by that. */
export function temporaryName(path: string): string {
  return `${path}.${process.pid}@${HOST}.tmp`;
}

const HOST = hostname()
  .replace(/[^\w-]/g, "")
  .slice(0, 32);
const TEMPORARY = /\.(\d+)@([\w-]*)\.tmp$/;
/** No process writes for so long without a sign of life in the file's time. */
const LONGEST_WRITE_MS = 24 * 3600 * 1000;
/** Starts of processes and times of files are known to about a second. */
const CLOCK_STEPS_MS = 2000;

/** Removes files and folders with temporary names whose process is gone. @returns their names */
export function removeLeftovers(folder: string): string[] {
  return namesIn(folder).filter((name) => {
    const [, pid, host] = TEMPORARY.exec(name) ?? [];
    if (pid === undefined) return false;
    try {
      const { mtimeMs } = lstatSync(join(folder, name));
      const isLeft = host === HOST && !mayHaveWritten(Number(pid), mtimeMs);
      if (!isLeft && Date.now() - mtimeMs < LONGEST_WRITE_MS) return false;
      rmSync(join(folder, name), { recursive: true, force: true });
      return true;
    } catch {
      return false; // Someone else removed it, or only they may.
    }
  });
}

function namesIn(folder: string): string[] {
  try {
    return readdirSync(folder);
  } catch {
    return [];
  }
}

const swept = new Set<string>();

function sweepOnce(folder: string): void {
  if (swept.has(folder)) return;
  swept.add(folder);
  removeLeftovers(folder);
}

/** Whether a process of this number runs that is older than the file: numbers are given out again. */
function mayHaveWritten(pid: number, mtimeMs: number): boolean {
  if (!knowsProcesses) return true;
  const start = startTime(pid);
  return start !== undefined && start <= mtimeMs + CLOCK_STEPS_MS;
}

function writeAll(file: number, bytes: Uint8Array, position: number | undefined): void {
  for (let done = 0; done < bytes.length;) {
    done += writeSync(file, bytes, done, bytes.length - done, position === undefined ? null : position + done);
  }
}

/** A rename is on disk once the folder is. File systems that cannot do that keep to their own order. */
function syncFolder(folder: string): void {
  const file = openSync(folder, "r");
  try {
    fsyncSync(file);
  } catch (error) {
    if (!["EINVAL", "ENOTSUP", "EPERM"].includes(codeOf(error) ?? "")) throw error;
  } finally {
    closeSync(file);
  }
}

const FULL: Readonly<Record<string, string>> = {
  ENOSPC: "no space is left on the disk; free some, or write to another one",
  EDQUOT: "the disk quota is used up; free some space, or write to another disk",
  EFBIG: "the file is larger than the system lets this process write (ulimit -f)",
  EROFS: "the file system is read-only; write to another folder",
  EACCES: "this user may not write there; change its permissions, or write to another folder",
  EIO: "the disk reports an error; look at the system's log (dmesg), and write to another disk",
};

/** Errors of the system with file and remedy; all others as they are. */
function explained(path: string, error: unknown): unknown {
  const code = codeOf(error);
  if (!(error instanceof Error) || code === undefined) return error;
  const [, reason = error.message] = /^E[A-Z0-9]+: ([^,]+)/.exec(error.message) ?? [];
  const old = existsSync(path) ? "; the file that was there before is unchanged" : "";
  return new WriteError(`${path}: cannot be written: ${FULL[code] ?? reason}${old}`, { cause: error });
}

function codeOf(error: unknown): string | undefined {
  return error instanceof Error && "code" in error && typeof error.code === "string" ? error.code : undefined;
}
