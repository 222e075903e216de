import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { saveSafetensors, setNumThreads } from "@yolov9/torch";
import sharp from "sharp";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { buildModel, fuse, loadModelSpec, officialStateDict } from "../model/index.js";
import { run } from "./main.js";
import { describeFailure, UserError } from "./user-error.js";

describe("yolov9", () => {
  let out = "";
  let err = "";
  beforeEach(() => {
    out = "";
    err = "";
    vi.spyOn(console, "log").mockImplementation((line: string) => void (out += `${line}\n`));
    vi.spyOn(console, "error").mockImplementation((line: string) => void (err += `${line}\n`));
    vi.spyOn(process.stdout, "write").mockImplementation((text) => ((out += text.toString()), true));
    vi.spyOn(process.stderr, "write").mockImplementation((text) => ((err += text.toString()), true));
  });
  afterEach(() => {
    vi.restoreAllMocks();
    process.exitCode = undefined;
  });

  it.each(["train", "val", "evaluate", "export", "detect", "import", "download", "info", "doctor"])(
    "explains %s with examples",
    async (command) => {
      expect(await run([command, "--help"])).toBe(0);
      expect(out).toMatch(new RegExp(`Examples:\\n  yolov9 ${command}`));
      expect(err).toBe("");
    },
  );

  it.each(["convert", "split", "check"])("explains data %s with examples", async (command) => {
    expect(await run(["data", command, "--help"])).toBe(0);
    expect(out).toMatch(new RegExp(`Examples:\\n  yolov9 data ${command}`));
  });

  it("explains data preview with examples", async () => {
    expect(await run(["data", "preview", "--help"])).toBe(0);
    expect(out).toMatch(/Examples:\n {2}yolov9 data preview/);
    expect(out).toContain("--mosaic9");
  });

  it("exits 2 for a wrong command line, naming the nearest right one", async () => {
    expect(await run(["valid"])).toBe(2);
    expect(err).toContain("Did you mean val?");
    expect(await run(["detect", "--weights", "x.onnx"])).toBe(2);
    expect(await run(["info", "--np", "3"])).toBe(2);
    expect(err).toContain("Did you mean --nc?");
  });

  it("exits 1 with one line and no stack for what the user can correct", async () => {
    expect(await run(["detect", "--weights", "nowhere.onnx", "nothing.jpg"])).toBe(1);
    expect(err).toBe("error: nothing.jpg: no such file or folder\n");
    err = "";
    expect(await run(["export", "--weights", "nowhere.safetensors"])).toBe(1);
    expect(err).toBe("error: nowhere.safetensors: no such file or folder\n");
    err = "";
    expect(await run(["val", "--weights", "w", "--data", "d", "--split", "dev"])).toBe(1);
    expect(err).toMatch(/^error: .*--split is "dev", but must be one of train, val, test\n$/);
  });

  it("tells size and arithmetic of training and deploy form", async () => {
    expect(await run(["info", "yolov9-t", "--json"])).toBe(0);
    expect(JSON.parse(out)).toMatchObject({
      name: "yolov9-t",
      classCount: 80,
      parameters: { training: 3_717_680, deploy: 2_407_632 },
    });
    out = "";
    expect(await run(["info", "gelan-t", "--nc", "3"])).toBe(0);
    expect(out).toContain("gelan-t, 3 classes, 640 x 640 pixels");
  });

  it("prints all models for programs: names, parameters and GFLOPs in both forms, and nothing else", async () => {
    expect(await run(["info", "--all", "--json"])).toBe(0);
    const { models, ...rest } = JSON.parse(out) as { models: { name: string }[] };
    expect(rest).toEqual({});
    expect(models).toHaveLength(45);
    expect(models.find(({ name }) => name === "yolov9-t")).toEqual({
      name: "yolov9-t",
      parameters: { training: 3_717_680, deploy: 2_407_632 },
      gflops: { training: expect.closeTo(16.28, 2) as number, deploy: expect.closeTo(9.82, 2) as number },
    });
  });

  it("shows the rows of a model and draws it", async () => {
    const svg = join(mkdtempSync(join(tmpdir(), "info-")), "t.svg");
    expect(await run(["info", "yolov9-t", "--tree", "--imgsz", "320", "--svg", svg])).toBe(0);
    expect(out).toMatch(/^yolov9-t, 80 classes, 320 x 320 pixels\nrow +block +from +output +parameters +GFLOPs\n/);
    expect(out).toMatch(/├─ b3 +GELAN +down3 +64 × 40 × 40 +65,216 +0\.20\n/);
    expect(readFileSync(svg, "utf8")).toMatch(/^<svg .*<\/svg>\n$/s);
    rmSync(svg);
  });

  it("examines the machine", async () => {
    await run(["doctor", "--json"]);
    const findings = JSON.parse(out) as { name: string; ok: boolean; facts: string[] }[];
    expect(findings.map(({ name }) => name)).toEqual(["Node", "Machine", "libtorch", "ONNX Runtime", "sharp"]);
    expect(findings.every(({ ok, facts }) => ok && facts.length > 0)).toBe(true);
  });

  it("exports bare weights and detects with the file", async () => {
    setNumThreads(1);
    const folder = mkdtempSync(join(tmpdir(), "cli-"));
    try {
      const weights = join(folder, "w.safetensors");
      saveSafetensors(weights, officialStateDict(fuse(buildModel(loadModelSpec("gelan-t"), { classCount: 2 }))));
      const onnx = join(folder, "w.onnx");
      expect(
        await run(["export", "--weights", weights, "--model", "gelan-t", "--imgsz", "64", "--dynamic", "--json"]),
      ).toBe(0);
      expect(JSON.parse(out)).toMatchObject({ output: onnx, fusing: { box: 0, score: 0 } });
      out = "";
      const picture = join(folder, "grey.png");
      await sharp({ create: { width: 80, height: 60, channels: 3, background: "#808080" } })
        .png()
        .toFile(picture);
      writeFileSync(join(folder, "broken.png"), "no picture");
      const sources = [picture, join(folder, "broken.png")];
      expect(await run(["detect", "--weights", onnx, ...sources, "--no-images", "--json", "--imgsz", "96"])).toBe(0);
      expect(JSON.parse(out)).toMatchObject([{ path: picture, width: 80, height: 60, detections: [] }]);
      expect(err).toContain("1/2");
      expect(err).toContain("broken.png: cannot read the image");
      err = "";
      expect(await run(["detect", "--weights", onnx, sources[1]!])).toBe(1);
      expect(err).toContain("none of the 1 pictures could be read");
    } finally {
      rmSync(folder, { recursive: true });
    }
  });
});

describe("describeFailure", () => {
  it("shows the stack of bugs, and of everything when asked", () => {
    expect(describeFailure(new UserError("no such class"), false)).toBe("error: no such class");
    expect(describeFailure(new TypeError("x is not a function"), false)).toContain("main.test.ts");
    expect(describeFailure(new UserError("no such class"), true)).toContain("main.test.ts");
  });

  it("puts the file first in errors of the operating system", () => {
    const error = new Error("ENOENT: no such file or directory, open 'a b.yaml'");
    expect(describeFailure(error, false)).toBe("error: a b.yaml: no such file or directory");
  });
});
