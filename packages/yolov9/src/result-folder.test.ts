import { mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { makeResultFolder, resultFolder } from "./result-folder.js";

describe("folders of results", () => {
  it("get the next free number", () => {
    const project = mkdtempSync(join(tmpdir(), "yolov9-results-"));
    try {
      expect(resultFolder(project, "a", false)).toBe(join(project, "a"));
      for (const name of ["a", "a-2"]) mkdirSync(join(project, name));
      expect(resultFolder(project, "a", false)).toBe(join(project, "a-3"));
      expect(resultFolder(project, "a", true)).toBe(join(project, "a"));
    } finally {
      rmSync(project, { recursive: true });
    }
  });

  it.each(["/proc/yolov9", "/proc/self/task/yolov9/runs", "/sys/yolov9", "/dev/null/runs", "/dev/full"])(
    "that cannot be made are named, with the reason and the option: %s",
    (project) => {
      const folder = resultFolder(project, "a", false);
      expect(() => makeResultFolder(folder)).toThrow(`${folder}: this folder cannot be made (`);
      expect(() => makeResultFolder(folder)).toThrow("); choose another one with --project");
    },
  );
});
