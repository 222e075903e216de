/** The shape of YOLOv9-E in miniature, for tests: two linked backbones that are both deployed, and an auxiliary pyramid on the first. */
import { parseModelSpec } from "../file/spec-file.js";
import type { ModelSpec } from "../spec.js";

const stride2 = { block: "Conv", kernel: 3, stride: 2 };
const gelan = { block: "GELAN", cspDepth: 1 };

export function tinyComposite(): ModelSpec {
  return parseModelSpec({
    name: "tiny-composite",
    publishedOrder: ["backbone", "auxiliary", "neck"],
    backbone: [
      { name: "stem1", from: "image", ...stride2, out: 8 },
      { name: "stem2", ...stride2, out: 8 },
      { name: "b3", block: "ADown", out: 16 },
      { name: "b4", block: "ADown", out: 16 },
      { name: "link3", from: "b3", block: "CBLinear", out: [8] },
      { name: "link4", from: "b4", block: "CBLinear", out: [8, 16] },
      { name: "second1", from: "image", ...stride2, out: 8 },
      { name: "second2", ...stride2, out: 8 },
      { name: "fuse2", from: ["link3", "link4", "second2"], block: "CBFuse", take: [0, 0] },
      { name: "second3", block: "ADown", out: 16 },
      { name: "fuse3", from: ["link4", "second3"], block: "CBFuse", take: [1] },
      { name: "second4", block: "AConv", out: 16 },
    ],
    neck: [
      { name: "n3", from: "fuse3", ...gelan, out: 16, hidden: [16, 8] },
      { name: "n4", from: "second4", ...gelan, out: 16, hidden: [16, 8] },
    ],
    head: [{ name: "detect", from: ["n3", "n4"], block: "DecoupledDetect" }],
    auxiliary: [
      { name: "aux3", from: "b3", ...gelan, out: 16, hidden: [16, 8] },
      { name: "aux4", from: "b4", block: "SPPELAN", out: 16, hidden: 8 },
      { name: "auxDetect", from: ["aux3", "aux4"], block: "DecoupledDetect" },
    ],
  });
}
