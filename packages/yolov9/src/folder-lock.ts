/**
 * A folder that one process at a time writes into. The lock is a file in it, made by one atomic operation of the file system, that says who
 * holds it. A lock is stale, and taken over, when its process is known to be gone: its number is free or belongs to a later process,
 * or the machine was started again since. Of a process on another machine or in another container nobody here knows; it shows that it is
 * alive by the file's time, and counts as gone after ten minutes without. Clocks are taken to agree to a few minutes.
 */
import { randomUUID } from "node:crypto";
import { linkSync, readFileSync, readlinkSync, rmSync, statSync, utimesSync, writeFileSync } from "node:fs";
import { hostname } from "node:os";
import { join } from "node:path";
import { bootTime, knowsProcesses, startTicks } from "@yolov9/torch/running-process";
import { temporaryName } from "@yolov9/torch/whole-file";
import { z } from "zod";

const Holder = z.object({
  /** Of this one lock. */
  id: z.uuid(),
  pid: z.int().positive(),
  /** Clock ticks from the machine's start to the process's. */
  started: z.number().optional(),
  host: z.string(),
  /** Kernel and namespace that the number counts in: only there the process can be looked for. */
  place: z.string(),
  since: z.string(),
  command: z.string(),
});
export type LockHolder = z.output<typeof Holder>;

/** Someone else writes into the folder. */
export class FolderLockedError extends Error {
  override readonly name = "FolderLockedError";
}

export interface FolderLock {
  /** Whoever held the lock before and ended without giving it back; the caller may tell. */
  readonly stale: LockHolder | undefined;
  /** Twice is harmless. */
  release(): void;
}

const LOCK_FILE = ".lock";
const SIGN_OF_LIFE_MS = 15_000;
const LONGEST_SILENCE_MS = 600_000;

/**
 * Locks a folder for this process until `release`, or until the process ends in whatever way.
 * @param folder exists
 * @throws FolderLockedError naming the holder, when there is one
 */
export function lockFolder(folder: string): FolderLock {
  const path = join(folder, LOCK_FILE);
  const holder = thisProcess();
  const stale = acquire(path, holder);
  const alive = setInterval(() => showLife(path), SIGN_OF_LIFE_MS).unref();
  const release = (): void => {
    clearInterval(alive);
    process.removeListener("exit", release);
    if (readHolder(path)?.id === holder.id) rmSync(path, { force: true });
  };
  process.on("exit", release);
  return { stale, release };
}

/**
 * Makes the lock file, or throws. A stale one may be removed only by whoever holds the lock of that removal, a file named after the stale
 * lock's id; so nobody removes a lock that was made in the meantime.
 * @returns the holder of the stale lock that was removed
 */
function acquire(path: string, holder: LockHolder): LockHolder | undefined {
  let stale: LockHolder | undefined;
  for (;;) {
    if (create(path, holder)) return stale;
    const found = readHolder(path);
    if (found === undefined) continue; // It has just been given back.
    if (isAlive(found, path)) throw new FolderLockedError(lockedText(path, found));
    const removal = `${path}.${found.id}`;
    if (!tryAcquire(removal, { ...holder, id: randomUUID() })) {
      pause(); // Someone else is at it, and will have the lock in a moment.
      continue;
    }
    if (readHolder(path)?.id === found.id) {
      rmSync(path, { force: true });
      stale = found;
    }
    rmSync(removal, { force: true });
  }
}

function tryAcquire(path: string, holder: LockHolder): boolean {
  try {
    acquire(path, holder);
    return true;
  } catch (error) {
    if (error instanceof FolderLockedError) return false;
    throw error;
  }
}

const PAUSE_MS = 5;

function pause(): void {
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, PAUSE_MS);
}

/** Under its name with all its content at once. @returns false when there is one */
function create(path: string, holder: LockHolder): boolean {
  const draft = temporaryName(path);
  writeFileSync(draft, JSON.stringify(holder));
  try {
    linkSync(draft, path);
    return true;
  } catch (error) {
    if (isCode(error, "EEXIST")) return false;
    if (!["EPERM", "ENOTSUP", "ENOSYS", "EOPNOTSUPP"].some((code) => isCode(error, code))) throw error;
    return createWithoutLink(path, holder);
  } finally {
    rmSync(draft, { force: true });
  }
}

/** For file systems on which a file has one name. */
function createWithoutLink(path: string, holder: LockHolder): boolean {
  try {
    writeFileSync(path, JSON.stringify(holder), { flag: "wx" });
    return true;
  } catch (error) {
    if (isCode(error, "EEXIST")) return false;
    throw error;
  }
}

/** Undefined when there is no lock. What is no lock of ours counts as held by someone unknown. */
function readHolder(path: string): LockHolder | undefined {
  try {
    return Holder.parse(JSON.parse(readFileSync(path, "utf8")));
  } catch (error) {
    if (isCode(error, "ENOENT")) return undefined;
    return { ...UNKNOWN, since: new Date(lastSign(path)).toISOString() };
  }
}

const UNKNOWN = {
  id: "00000000-0000-4000-8000-000000000000",
  pid: 1,
  host: "an unknown machine",
  place: "",
  command: "an unknown command",
};

function isAlive({ pid, started, host, place }: LockHolder, path: string): boolean {
  if (place !== "" && place === thisPlace()) return startTicks(pid) !== undefined && startTicks(pid) === started;
  if (host === hostname() && knowsProcesses && lastSign(path) < bootTime()) return false;
  return Date.now() - lastSign(path) < LONGEST_SILENCE_MS;
}

function lastSign(path: string): number {
  return statSync(path, { throwIfNoEntry: false })?.mtimeMs ?? 0;
}

function showLife(path: string): void {
  try {
    const now = new Date();
    utimesSync(path, now, now);
  } catch {
    // The folder was removed, and what is written into it will say so.
  }
}

function thisProcess(): LockHolder {
  const { pid } = process;
  const started = startTicks(pid);
  const command = ["yolov9", ...process.argv.slice(2)].join(" ");
  return {
    id: randomUUID(),
    pid,
    ...(started !== undefined && { started }),
    host: hostname(),
    place: thisPlace(),
    since: new Date().toISOString(),
    command,
  };
}

function thisPlace(): string {
  try {
    return `${readFileSync("/proc/sys/kernel/random/boot_id", "utf8").trim()} ${readlinkSync("/proc/self/ns/pid")}`;
  } catch {
    return "";
  }
}

function lockedText(path: string, holder: LockHolder): string {
  const here = holder.place === thisPlace();
  const remedy = here ? "wait for it, or end it" : `if it runs no more, remove ${path}`;
  return `${path.slice(0, -LOCK_FILE.length - 1)}: is being written by ${holderText(holder)}; ${remedy}`;
}

/** `process 4711 on machine since 2026-01-01T12:00:00.000Z (yolov9 train …)` */
export function holderText({ pid, host, since, command }: LockHolder): string {
  return `process ${pid} on ${host} since ${since} (${command})`;
}

function isCode(error: unknown, code: string): boolean {
  return error instanceof Error && "code" in error && error.code === code;
}
