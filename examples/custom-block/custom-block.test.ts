import { spawnSync } from "node:child_process";
import { fileURLToPath } from "node:url";
import { zeros } from "@yolov9/torch";
import { expect, it } from "vitest";
import { buildModel, loadModelSpec } from "yolov9";
import { ChannelAttention } from "./channel-attention.js";

const root = fileURLToPath(new URL("../..", import.meta.url));
const model = "examples/custom-block/attention-t.yaml";
const plugin = "examples/dist/custom-block/channel-attention.js";

function node(...args: string[]): { status: number | null; stdout: string; stderr: string } {
  return spawnSync(process.execPath, args, { cwd: root, encoding: "utf8" });
}

it("a block registered by a user stands inside every GELAN", () => {
  const built = buildModel(loadModelSpec(`${root}/${model}`), { classCount: 2 });
  const blocks = built.modules().filter(([, module]) => module instanceof ChannelAttention);
  // 3 stages of the backbone, 4 of the neck and 2 of the auxiliary branch, each with two inner blocks.
  expect(blocks).toHaveLength(18);
  const [first] = built.eval().forward(zeros([1, 3, 64, 64])).lead;
  expect(first!.shape).toEqual([1, 66, 8, 8]);
  built.dispose();
});

it("trains, exports with the same scores, and detects", () => {
  const { status, stdout, stderr } = node("examples/dist/custom-block/main.js");
  expect(stderr).not.toContain("Error");
  expect(status).toBe(0);
  const [, difference] = /scores differ by (\S+)/.exec(stdout)!;
  expect(Number(difference)).toBeLessThan(1e-4);
  expect(Number(/(\d+) detections/.exec(stdout)![1])).toBeGreaterThan(0);
});

it("is known to a command that loads it as a plugin, and to none other", () => {
  const known = node("packages/yolov9/bin/yolov9.js", "info", model, "--json", "--plugin", plugin);
  expect(known.status).toBe(0);
  expect(known.stdout).toContain('"name": "attention-t"');
  const unknown = node("packages/yolov9/bin/yolov9.js", "info", model);
  expect(unknown.status).toBe(1);
  expect(unknown.stderr).toContain('unknown block "ChannelAttention"');
  const missing = node("packages/yolov9/bin/yolov9.js", "info", model, "--plugin", "nowhere.js");
  expect(missing.stderr).toBe("error: nowhere.js: no such plugin (a JavaScript module)\n");
});
