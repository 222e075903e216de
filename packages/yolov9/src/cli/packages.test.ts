import { spawnSync } from "node:child_process";
import { chmodSync, copyFileSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { z } from "zod";
import { tinyOnnx } from "../../../runtime/src/testing/tiny-onnx.js";

const ROOT = fileURLToPath(new URL("../../../..", import.meta.url));
const PACKAGES = { vision: "@yolov9/vision", runtime: "@yolov9/runtime", torch: "@yolov9/torch", yolov9: "yolov9" };
const TIMEOUT = 180_000;

const pack = z.object({ filename: z.string(), files: z.array(z.object({ path: z.string() })) });
/** What `npm pack --json` prints: a list, or an object by package, as npm has it. */
const packed = z
  .union([z.array(pack), z.record(z.string(), pack).transform((packs) => Object.values(packs))])
  .transform(([first]) => first!);

/** A folder with the packages as they would be published; what they depend on is found in the project's node_modules. */
describe("the packages", { timeout: TIMEOUT }, () => {
  let app: string;
  let top: string;
  const contents = new Map<string, string[]>();

  beforeAll(() => {
    top = mkdtempSync(join(tmpdir(), "packages-"));
    app = join(top, "app");
    symlinkSync(join(ROOT, "node_modules"), join(top, "node_modules"));
    for (const [folder, name] of Object.entries(PACKAGES)) {
      const { stdout } = spawnSync("npm", ["pack", "--json", "--pack-destination", top], {
        cwd: join(ROOT, "packages", folder),
        encoding: "utf8",
      });
      const { filename, files } = packed.parse(JSON.parse(stdout));
      contents.set(
        folder,
        files.map(({ path }) => path),
      );
      const target = join(app, "node_modules", name);
      mkdirSync(target, { recursive: true });
      spawnSync("tar", ["-xzf", join(top, filename), "--strip-components=1", "-C", target]);
    }
  }, TIMEOUT);
  afterAll(() => rmSync(top, { recursive: true }));

  function yolov9(args: readonly string[], environment: NodeJS.ProcessEnv = {}) {
    const program = join(app, "node_modules/yolov9/bin/yolov9.js");
    const env = { ...process.env, XDG_CACHE_HOME: join(top, "cache"), ...environment };
    return spawnSync(process.execPath, [program, ...args], { cwd: app, encoding: "utf8", env });
  }

  it("carry the bridge's sources, and neither tests nor what was built", () => {
    const torch = contents.get("torch")!;
    for (const file of ["native/build.mjs", "native/find-libtorch.mjs", "native/module.cc", "native/node.h"]) {
      expect(torch).toContain(file);
    }
    for (const [folder, files] of contents) {
      expect(files, folder).toContain(folder === "runtime" ? "dist/node.js" : "dist/index.js");
      const unwanted = files.filter((file) =>
        /\.test\.|\/testing\/|^build\/|\.node$|\.o$|tsbuildinfo|\/tests\//.test(file),
      );
      expect(unwanted, folder).toEqual([]);
    }
  });

  it("detect", () => {
    writeFileSync(join(app, "tiny.onnx"), tinyOnnx());
    writeFileSync(
      join(app, "detect.mjs"),
      'import { Detector } from "@yolov9/runtime";\n' +
        'const detector = await Detector.load("tiny.onnx");\n' +
        "const picture = { data: new Uint8Array(160 * 160 * 3).fill(80), width: 160, height: 160, channels: 3 };\n" +
        "console.log(JSON.stringify(await detector.detect(picture, { confidence: 0.6 })));\n",
    );
    const { status, stdout, stderr } = spawnSync(process.execPath, ["detect.mjs"], { cwd: app, encoding: "utf8" });
    expect(status, stderr).toBe(0);
    expect(JSON.parse(stdout)).toMatchObject([{ box: [60, 70, 100, 90], className: "not blue" }]);
  });

  it("name the command that builds the bridge, which builds it where it can write", () => {
    const before = yolov9(["doctor"]);
    expect(before.status).toBe(1);
    expect(before.stdout).toContain("npx yolov9 build-native");

    // Compiling takes minutes: a compiler that makes empty objects, and links what the project has built already.
    const compiler = join(top, "compiler.sh");
    const bridge = join(ROOT, "packages/torch/build/bridge.node");
    const lines = [
      "#!/bin/sh",
      'for word; do [ "$before" = -o ] && output=$word; before=$word; done',
      `case " $* " in *" -shared "*) cp '${bridge}' "$output" ;; *) : > "$output" ;; esac`,
    ];
    writeFileSync(compiler, `${lines.join("\n")}\n`);
    chmodSync(compiler, 0o755);
    // Stands where the package's own folder for it would be made, as in a package that cannot be written.
    copyFileSync(compiler, join(app, "node_modules/@yolov9/torch/build"));

    const built = yolov9(["build-native"], { CXX: compiler });
    expect(built.status, built.stderr).toBe(0);
    expect(built.stdout).toContain(join(top, "cache/yolov9/bridge-"));

    const after = yolov9(["doctor", "--json"]);
    expect(after.status, after.stdout).toBe(0);
  });

  it("fail with a message where the compiler is missing", () => {
    const { status, stderr } = yolov9(["build-native"], {
      CXX: "no-such-compiler",
      XDG_CACHE_HOME: join(top, "other"),
    });
    expect(status).toBe(1);
    expect(stderr).toContain("no-such-compiler cannot be run");
  });
});
