import { spawnSync } from "node:child_process";
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  utimesSync,
  writeFileSync,
} from "node:fs";
import { hostname, tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { removeLeftovers, temporaryName, WriteError, writeWhole } from "./whole-file.js";

let folder: string;
beforeAll(() => void (folder = mkdtempSync(join(tmpdir(), "whole-file-"))));
afterAll(() => rmSync(folder, { recursive: true }));

const inFolder = (name: string): string => {
  const path = join(folder, name);
  mkdirSync(path);
  return path;
};
const host = hostname()
  .replace(/[^\w-]/g, "")
  .slice(0, 32);

/** Number of a process that has ended. */
function deadPid(): number {
  return spawnSync("true").pid;
}

describe("writeWhole", () => {
  it("replaces a file by text, bytes or pieces, of which some come later in their place", () => {
    const path = join(inFolder("writes"), "a.txt");
    writeWhole(path, "one");
    writeWhole(path, Buffer.from("two"));
    expect(readFileSync(path, "utf8")).toBe("two");
    writeWhole(path, (write) => {
      write(Buffer.from("__ree"));
      write(Buffer.from("th"), 0);
    });
    expect(readFileSync(path, "utf8")).toBe("three");
    expect(readdirSync(join(folder, "writes"))).toEqual(["a.txt"]);
  });

  it("keeps the old file when the new one cannot be made, and leaves nothing else", () => {
    const path = join(inFolder("fails"), "a.txt");
    writeWhole(path, "old");
    const failing = () =>
      writeWhole(path, (write) => {
        write(Buffer.from("new"));
        throw new RangeError("no more");
      });
    expect(failing).toThrow(RangeError);
    expect(readFileSync(path, "utf8")).toBe("old");
    expect(readdirSync(join(folder, "fails"))).toEqual(["a.txt"]);
  });

  it("says of a full disk which file and what to do, and keeps the old one", ({ skip }) => {
    const disk = inFolder("disk");
    if (spawnSync("mount", ["-t", "tmpfs", "-o", "size=64k", "tmpfs", disk]).status !== 0) {
      skip("needs the right to mount a small file system");
    }
    try {
      const path = join(disk, "a.bin");
      writeWhole(path, "old");
      const filling = () => writeWhole(path, Buffer.alloc(100_000));
      expect(filling).toThrow(WriteError);
      expect(filling).toThrow(/a\.bin: cannot be written: no space is left on the disk; free some.*unchanged/);
      expect(readFileSync(path, "utf8")).toBe("old");
      expect(readdirSync(disk)).toEqual(["a.bin"]);
    } finally {
      spawnSync("umount", [disk]);
    }
  });

  it("names the folder that is missing", () => {
    expect(() => writeWhole(join(folder, "nowhere", "a.txt"), "x")).toThrow(
      /nowhere\/a\.txt: cannot be written: no such/,
    );
  });
});

describe("leftovers of killed processes", () => {
  it("are removed by the next write into their folder, those of running processes and strangers are not", () => {
    const place = inFolder("leftovers");
    const dead = `last.safetensors.${deadPid()}@${host}.tmp`;
    const others = ["mine.2024.tmp", `a.1@${host}x.tmp`, `b.${process.pid}@${host}.tmp`];
    for (const name of [dead, ...others]) writeFileSync(join(place, name), "part");
    writeWhole(join(place, "results.json"), "{}");
    expect(readdirSync(place).sort()).toEqual([...others, "results.json"].sort());
  });

  it("are told from files of a running process by their age, for numbers of processes come again", () => {
    const place = inFolder("reused");
    const own = temporaryName(join(place, "a"));
    writeFileSync(own, "part");
    expect(removeLeftovers(place)).toEqual([]);
    utimesSync(own, 1_000_000, 1_000_000);
    expect(removeLeftovers(place)).toHaveLength(1);
    expect(existsSync(own)).toBe(false);
  });

  it("of a process that was killed in the middle of a file vanish, and the old file is whole", () => {
    const path = join(inFolder("killed"), "a.bin");
    writeWhole(path, "old");
    const module = JSON.stringify(new URL("../dist/whole-file.js", import.meta.url).href);
    const program = `
      const { writeWhole } = await import(${module});
      writeWhole(${JSON.stringify(path)}, (write) => { write(Buffer.alloc(1e5)); process.kill(process.pid, "SIGKILL"); });`;
    expect(spawnSync(process.execPath, ["--input-type=module", "-e", program]).signal).toBe("SIGKILL");
    expect(readdirSync(join(folder, "killed"))).toHaveLength(2);
    expect(readFileSync(path, "utf8")).toBe("old");
    expect(removeLeftovers(join(folder, "killed"))).toHaveLength(1);
    expect(readdirSync(join(folder, "killed"))).toEqual(["a.bin"]);
  });
});
