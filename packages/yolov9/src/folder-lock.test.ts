import { spawn, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { existsSync, mkdtempSync, readdirSync, readFileSync, utimesSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { FolderLockedError, lockFolder } from "./folder-lock.js";

const fresh = (): string => mkdtempSync(join(tmpdir(), "lock-"));
const MODULE = JSON.stringify(new URL("../dist/folder-lock.js", import.meta.url).href);

/** A process that locks a folder, says "held" or "refused", and stays. */
async function locker(folder: string): Promise<{ child: ChildProcess; said: string }> {
  const program = `
    const { lockFolder } = await import(${MODULE});
    try { lockFolder(${JSON.stringify(folder)}); console.log("held"); setInterval(() => {}, 1000); }
    catch (error) { console.log("refused " + error.message); }`;
  const child = spawn(process.execPath, ["--input-type=module", "-e", program], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  const [text] = (await once(child.stdout, "data")) as [Buffer];
  return { child, said: text.toString().trim() };
}

async function killed(child: ChildProcess, signal: NodeJS.Signals): Promise<void> {
  const ended = once(child, "exit");
  child.kill(signal);
  await ended;
}

describe("a folder's lock", () => {
  it("refuses a second holder by name, in the same process too, and is gone after its release", () => {
    const folder = fresh();
    const lock = lockFolder(folder);
    expect(() => lockFolder(folder)).toThrow(FolderLockedError);
    expect(() => lockFolder(folder)).toThrow(`is being written by process ${process.pid} on `);
    lock.release();
    lock.release();
    expect(readdirSync(folder)).toEqual([]);
    lockFolder(folder).release();
  });

  it("names the other process while it runs, and is taken over after kill -9", async () => {
    const folder = fresh();
    const { child, said } = await locker(folder);
    expect(said).toBe("held");
    expect(() => lockFolder(folder)).toThrow(new RegExp(`process ${child.pid} on .* since .*; wait for it, or end it`));
    await killed(child, "SIGKILL");
    expect(existsSync(join(folder, ".lock"))).toBe(true);
    const lock = lockFolder(folder);
    expect(lock.stale?.pid).toBe(child.pid);
    lock.release();
    expect(readdirSync(folder)).toEqual([]);
  });

  it("is got by exactly one of many processes that find a stale one", async () => {
    const folder = fresh();
    await killed((await locker(folder)).child, "SIGKILL");
    const all = await Promise.all(Array.from({ length: 6 }, () => locker(folder)));
    expect(all.filter(({ said }) => said === "held")).toHaveLength(1);
    expect(all.filter(({ said }) => said.startsWith("refused"))).toHaveLength(5);
    const holder = all.find(({ said }) => said === "held")!;
    await killed(holder.child, "SIGKILL");
  });

  it("of a later process with the number of the holder, or from before the machine's start, is stale", () => {
    for (const change of [{ started: 1 }, { place: "another boot" }]) {
      const folder = fresh();
      const path = join(folder, ".lock");
      const lock = lockFolder(folder);
      const holder = JSON.parse(readFileSync(path, "utf8")) as object;
      lock.release();
      writeFileSync(path, JSON.stringify({ ...holder, ...change }));
      if ("place" in change) utimesSync(path, 1_000_000, 1_000_000);
      expect(lockFolder(folder).stale).toMatchObject(change);
    }
  });

  it("of another machine holds as long as it shows signs of life", () => {
    const folder = fresh();
    const path = join(folder, ".lock");
    const lock = lockFolder(folder);
    const holder = JSON.parse(readFileSync(path, "utf8")) as object;
    lock.release();
    writeFileSync(path, JSON.stringify({ ...holder, host: "elsewhere", place: "elsewhere" }));
    expect(() => lockFolder(folder)).toThrow(/on elsewhere since .*; if it runs no more, remove .*\.lock/);
    const eleven = Date.now() / 1000 - 11 * 60;
    utimesSync(path, eleven, eleven);
    expect(lockFolder(folder).stale?.host).toBe("elsewhere");
  });
});
