import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { saveSafetensors, setNumThreads } from "@yolov9/torch";
import sharp from "sharp";
import { describe, expect, it } from "vitest";
import { buildModel, fuse, loadModelSpec, officialStateDict } from "../model/index.js";
import { yolov9 } from "./testing/command-line.js";
import { describeFailure, UserError } from "./user-error.js";

const containing = (text: string) => expect.stringContaining(text) as string;

describe("yolov9", () => {
  it.each(["train", "val", "evaluate", "export", "detect", "import", "download", "info", "doctor"])(
    "explains %s with examples",
    async (command) => {
      const { code, out, err } = await yolov9(command, "--help");
      expect([code, err]).toEqual([0, ""]);
      expect(out).toMatch(new RegExp(`Examples:\\n  yolov9 ${command}`));
    },
  );

  it.each(["convert", "split", "check", "preview"])("explains data %s with examples", async (command) => {
    const { code, out } = await yolov9("data", command, "--help");
    expect(code).toBe(0);
    expect(out).toMatch(new RegExp(`Examples:\\n  yolov9 data ${command}`));
  });

  it("lets previews show the augmentations of a training", async () => {
    expect((await yolov9("data", "preview", "--help")).out).toContain("--mosaic9");
  });

  it("exits 2 for a wrong command line, naming the nearest right one", async () => {
    expect(await yolov9("valid")).toMatchObject({ code: 2, err: containing("Did you mean val?") });
    expect(await yolov9("detect", "--weights", "x.onnx")).toMatchObject({ code: 2 });
    expect(await yolov9("info", "--np", "3")).toMatchObject({ code: 2, err: containing("Did you mean --nc?") });
  });

  it("exits 1 with one line and no stack for what the user can correct", async () => {
    const nothing = await yolov9("detect", "--weights", "nowhere.onnx", "nothing.jpg");
    expect(nothing).toMatchObject({ code: 1, err: "error: nothing.jpg: no such file or folder\n" });
    const nowhere = await yolov9("export", "--weights", "nowhere.safetensors");
    expect(nowhere).toMatchObject({ code: 1, err: "error: nowhere.safetensors: no such file or folder\n" });
    const { code, err } = await yolov9("val", "--weights", "w", "--data", "d", "--split", "dev");
    expect(code).toBe(2);
    expect(err).toMatch(/^error: .*--split is "dev", but must be one of train, val, test\n$/);
  });

  it("tells size and arithmetic of training and deploy form", async () => {
    const { code, out } = await yolov9("info", "yolov9-t", "--json");
    expect(code).toBe(0);
    expect(JSON.parse(out)).toMatchObject({
      name: "yolov9-t",
      classCount: 80,
      parameters: { training: 3_717_680, deploy: 2_407_632 },
    });
    const fewer = await yolov9("info", "gelan-t", "--nc", "3");
    expect(fewer).toMatchObject({ code: 0, out: containing("gelan-t, 3 classes, 640 x 640 pixels") });
  });

  it("prints all models for programs: names, parameters and GFLOPs in both forms, and nothing else", async () => {
    const { code, out } = await yolov9("info", "--all", "--json");
    expect(code).toBe(0);
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
    const { code, out } = await yolov9("info", "yolov9-t", "--tree", "--imgsz", "320", "--svg", svg);
    expect(code).toBe(0);
    expect(out).toMatch(/^yolov9-t, 80 classes, 320 x 320 pixels\nrow +block +from +output +parameters +GFLOPs\n/);
    expect(out).toMatch(/├─ b3 +GELAN +down3 +64 × 40 × 40 +65,216 +0\.20\n/);
    expect(readFileSync(svg, "utf8")).toMatch(/^<svg .*<\/svg>\n$/s);
    rmSync(svg);
  });

  it("examines the machine", async () => {
    const { out } = await yolov9("doctor", "--json");
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
      const options = ["--weights", weights, "--model", "gelan-t", "--imgsz", "64", "--dynamic", "--json"];
      const exported = await yolov9("export", ...options);
      expect(exported.code).toBe(0);
      expect(JSON.parse(exported.out)).toMatchObject({ output: onnx, fusing: { box: 0, score: 0 } });
      const before = readFileSync(weights);
      const overwriting = await yolov9("export", ...options, "--output", weights);
      expect(overwriting).toMatchObject({ code: 1, err: containing("is the file that is read") });
      expect(readFileSync(weights).equals(before)).toBe(true);
      const picture = join(folder, "grey.png");
      await sharp({ create: { width: 80, height: 60, channels: 3, background: "#808080" } })
        .png()
        .toFile(picture);
      writeFileSync(join(folder, "broken.png"), "no picture");
      const sources = [picture, join(folder, "broken.png")];
      const detected = await yolov9("detect", "--weights", onnx, ...sources, "--no-images", "--json", "--imgsz", "96");
      expect(detected.code).toBe(0);
      expect(JSON.parse(detected.out)).toMatchObject([{ path: picture, width: 80, height: 60, detections: [] }]);
      expect(detected.err).toContain("1/2");
      expect(detected.err).toContain("broken.png: cannot read the image");
      const svg = join(folder, "drawing.png");
      writeFileSync(svg, `<svg xmlns="http://www.w3.org/2000/svg" width="64" height="48"/>`);
      const limited = ["detect", "--weights", onnx, picture, svg, "--no-images", "--json"];
      const refused = await yolov9(...limited, "--max-megapixels", "0.004");
      expect(refused.code).toBe(1);
      expect(refused.err).toContain("80 x 60 px are 0.0048 megapixels, more than the limit of 0.004 (--max-megapixels");
      expect(refused.err).toContain("drawing.png: cannot read the image (SVG or other markup");
      const anything = await yolov9(...limited, "--any-format");
      expect(JSON.parse(anything.out)).toMatchObject([{ width: 80 }, { width: 64 }]);
      const none = await yolov9("detect", "--weights", onnx, sources[1]!);
      expect(none).toMatchObject({ code: 1, err: containing("none of the 1 pictures could be read") });
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

  it("shows the whole text of a libtorch error only when asked", () => {
    const error = new Error("sizes differ", { cause: new Error("sizes differ\nframe #0: c10::Error") });
    expect(describeFailure(error, false)).toBe("error: sizes differ");
    expect(describeFailure(error, true)).toContain("frame #0: c10::Error");
  });

  it("puts the file first in errors of the operating system", () => {
    const error = new Error("ENOENT: no such file or directory, open 'a b.yaml'");
    expect(describeFailure(error, false)).toBe("error: a b.yaml: no such file or directory");
  });
});
