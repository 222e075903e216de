import { createHash } from "node:crypto";
import { existsSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { loadSafetensors, manualSeed, saveSafetensors, scope, setNumThreads, zeros, type Tensor } from "@yolov9/torch";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import {
  buildModel,
  detachAuxiliary,
  fuse,
  loadModelSpec,
  officialStateDict,
  parseModelSpec,
  type BuildOptions,
  type DetectionModel,
  type ModelSpec,
} from "../model/index.js";
import { tinyComposite } from "../model/testing/tiny-composite.js";
import { PictureDetector } from "../detect/index.js";
import { transferWeights } from "../train/transfer.js";
import { openStartWeights } from "./start-weights.js";
import { TorchPredictor } from "../validate/index.js";
import { importWeights, type ImportedWeights } from "./import-weights.js";
import { isModelFile, readModelFile, writeModelFile } from "./model-file.js";
import { writeOfficialDeployFile, writeOfficialFile } from "./official-file.js";
import { openTrainedModel } from "./open-model.js";
import {
  pickledModel,
  StorageWriter,
  stateDictionary,
  torchFile,
  type ModuleOptions,
} from "./pytorch/testing/torch-writer.js";

const shared = (name: string) => fileURLToPath(new URL(`../../../../../shared/weights/${name}`, import.meta.url));
const ball = shared("yolov9t-ball-training-checkpoint.pt");
const photo = fileURLToPath(
  new URL("../../../../../shared/datasets/coco-open/train2017/000000352257.jpg", import.meta.url),
);
const coco = shared("yolov9t-coco-fused-plainhead.safetensors");

let folder = "";
const models: DetectionModel[] = [];
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "import-"));
  writeFileSync(at("tiny.yaml"), JSON.stringify(tinyComposite()));
  setNumThreads(1);
  manualSeed(5);
});
afterAll(() => {
  rmSync(folder, { recursive: true });
  for (const model of models) model.dispose();
});

const at = (name: string) => join(folder, name);

function build(spec: string | ModelSpec, options: BuildOptions = { classCount: 3 }): DetectionModel {
  const model = buildModel(typeof spec === "string" ? loadModelSpec(spec) : spec, options);
  models.push(model);
  return model;
}

function fused(model: DetectionModel): DetectionModel {
  const deploy = fuse(detachAuxiliary(model));
  models.push(deploy);
  return deploy;
}

/** Imports a tiny model's weights from a PyTorch file of pickled modules. */
async function importModules(model: DetectionModel, options: ModuleOptions = {}): Promise<ImportedWeights> {
  const writer = new StorageWriter();
  const root = scope(() => new Map([["model", pickledModel(officialStateDict(model), writer, options)]]));
  writeFileSync(at("modules.pt"), torchFile(root, writer.storages));
  return keep(await importWeights(at("modules.pt"), { model: at("tiny.yaml") }));
}

async function importTensors(tensors: ReadonlyMap<string, Tensor>, options = {}): Promise<ImportedWeights> {
  saveSafetensors(at("bare.safetensors"), tensors);
  return keep(await importWeights(at("bare.safetensors"), options));
}

function keep(imported: ImportedWeights): ImportedWeights {
  models.push(imported.model);
  return imported;
}

/** Names, shapes and bytes of all tensors in their published order, as one number to compare. */
function official(model: DetectionModel): string {
  return scope(() => {
    const digest = createHash("sha256");
    for (const [name, t] of officialStateDict(model)) digest.update(`${name} ${t.shape.join()}`).update(t.toBytes());
    return digest.digest("hex");
  });
}

describe("importing published weights", () => {
  it.each(["yolov9-t", "gelan-s"])("recognises %s, whatever its number of classes", async (name) => {
    const model = build(name, { classCount: 7 });
    const { model: read, traits } = await importTensors(officialStateDict(model));
    expect([read.spec.name, read.classCount, read.fused, read.training]).toEqual([name, 7, false, false]);
    expect(traits.heads.length).toBe(name.startsWith("yolov9") ? 2 : 1);
    expect(official(read)).toEqual(official(model));
  });

  it("reads pickled modules in half precision, with their names", async () => {
    const model = build(tinyComposite());
    const names = ["cat", "dog", "owl"];
    const { model: read, part, precision, namesFrom } = await importModules(model, { dtype: "float16", names });
    expect([read.names, part, precision, namesFrom]).toEqual([names, "model", "float16", "file"]);
    const [first] = model.stateDict().get("backbone.stem1.conv.weight")!.toArray();
    const [copied] = read.stateDict().get("backbone.stem1.conv.weight")!.toArray();
    expect(copied).not.toBe(first);
    expect(copied).toBeCloseTo(Number(first), 3);
    expect(read.stateDict().get("backbone.stem1.conv.weight")!.dtype).toBe("float32");
  });

  it("takes the narrower class branches of the published T from the tensors, lead and auxiliary", async () => {
    const narrow = { classWidth: 80 };
    const spec = parseModelSpec({ ...loadModelSpec("yolov9-t"), rows: { detect: narrow, auxDetect: narrow } });
    const model = build(spec, { classCount: 80 });
    const { model: read, traits } = await importTensors(officialStateDict(model));
    expect(read.spec.name).toBe("yolov9-t");
    expect(traits.heads.map(({ classWidth }) => classWidth)).toEqual([80, 80]);
    // The published T has 2 862 992 parameters once fused, with both heads and their 16 bins each.
    const parameters = fuse(read)
      .parameters()
      .reduce((sum, [, tensor]) => sum + tensor.numel, 0);
    expect(parameters + 2 * 16).toBe(2_862_992);
  });

  it("reads the deploy layout, fused or not, as the GELAN that it is", async () => {
    const model = build("yolov9-t");
    writeOfficialDeployFile(at("deploy.safetensors"), model);
    const deploy = keep(await importWeights(at("deploy.safetensors")));
    expect([deploy.model.spec.name, deploy.model.fused]).toEqual(["gelan-t", false]);
    const folded = await importTensors(officialStateDict(fused(model)));
    expect([folded.model.spec.name, folded.model.fused]).toEqual(["gelan-t", true]);
  });

  it("tells heads apart: plain, in four groups, with depthwise class convolutions", async () => {
    const depthwise = loadModelSpec("gelan-t");
    const head = depthwise.head.map((row) => ({ ...row, block: "Detect", classConvolution: "depthwise" }));
    const found = await importTensors(officialStateDict(build({ ...depthwise, head })));
    expect(found.traits.heads).toEqual([{ boxGroups: 1, boxWidth: 64, classWidth: 64, classConvolution: "depthwise" }]);
    const plain = await importTensors(officialStateDict(build("gelan-t-plainhead")));
    expect([plain.model.spec.name, plain.traits.heads[0].boxGroups]).toEqual(["gelan-t-plainhead", 1]);
  });

  it("takes the activation that pickled modules name", async () => {
    const model = build(tinyComposite());
    expect((await importModules(model, { activation: "ReLU" })).model.spec.activation).toBe("relu");
    await expect(importModules(model, { activation: "Mish" })).rejects.toThrow("its activations are Mish; known is");
    await expect(importModules(model, { normEpsilon: 1e-5 })).rejects.toThrow(
      "batch norms have epsilon 0.00001, not 0.001",
    );
  });

  it("strips what training wrappers put before the names", async () => {
    const model = build(tinyComposite());
    const wrapped = new Map([...officialStateDict(model)].map(([name, tensor]) => [`module.${name}`, tensor]));
    const writer = new StorageWriter();
    writeFileSync(at("wrapped.pt"), torchFile(stateDictionary(wrapped, writer), writer.storages));
    const { model: read } = keep(await importWeights(at("wrapped.pt"), { model: at("tiny.yaml") }));
    expect(official(read)).toEqual(official(model));
  });

  it("takes a model file of the user's own", async () => {
    const model = build(tinyComposite());
    const { model: read } = await importTensors(officialStateDict(model), { model: at("tiny.yaml") });
    expect(official(read)).toEqual(official(model));
  });

  it("refuses what fits no model, with the nearest and all that is wrong", async () => {
    const tensors = new Map(officialStateDict(build("yolov9-t")));
    tensors.delete("model.9.cv5.bn.bias");
    tensors.set("model.22.cv9.conv.weight", zeros([1]));
    tensors.set("model.0.bn.weight", zeros([8]));
    await expect(importTensors(tensors)).rejects.toThrow(
      /bare\.safetensors: no model of the zoo .* nearest is yolov9-t: .*missing \(1\):\s+model\.9\.cv5\.bn\.bias\s+unexpected \(1\):\s+model\.22\.cv9\.conv\.weight\s+wrong \(1\):\s+model\.0\.bn\.weight is \[8\], the model has \[16\]/s,
    );
    tensors.set("model.29.cv5.0.2.weight", zeros([3, 99, 1, 1]));
    await expect(importTensors(tensors)).rejects.toThrow(
      '"model.29.cv5.0.2.weight" has shape [3, 99, 1, 1], but the other branches need [any, 64, 1, 1]',
    );
    await expect(importTensors(new Map([["features.0.weight", zeros([1])]]))).rejects.toThrow(
      'here is one named "features.0.weight"',
    );
    await expect(importTensors(new Map([["model.0.conv.weight", zeros([1])]]))).rejects.toThrow(
      "no class branches found",
    );
  });

  it("refuses class names that are too few, and other files", async () => {
    const tensors = officialStateDict(build(tinyComposite()));
    await expect(importTensors(tensors, { model: at("tiny.yaml"), names: ["a", "b"] })).rejects.toThrow(
      "2 class names were given",
    );
    await expect(importWeights(at("weights.onnx"))).rejects.toThrow("are .pt, .pth or .safetensors files");
    expect(() => openTrainedModel(at("modules.pt"), undefined)).toThrow("yolov9 import");
  });
});

describe("an imported model's file", () => {
  it("opens without being told the model, also fused, and gives its weights to a training", async () => {
    const names = ["a", "b", "c"];
    const model = build(tinyComposite(), { names });
    for (const saved of [model, fused(model)]) {
      writeModelFile(at("model.safetensors"), saved, { source: "yolov9-t.pt", imageSize: 416 });
      expect(isModelFile(at("model.safetensors"))).toBe(true);
      const { model: opened, imageSize } = openTrainedModel(at("model.safetensors"), undefined);
      models.push(opened);
      expect([opened.fused, opened.names, opened.spec, imageSize]).toEqual([saved.fused, names, saved.spec, 416]);
      expect(official(opened)).toEqual(official(saved));
    }
    writeModelFile(at("model.safetensors"), model, { source: "yolov9-t.pt" });
    const start = build(tinyComposite(), { classCount: 5 });
    const weights = await openStartWeights(at("model.safetensors"));
    const { taken, total } = transferWeights(start, weights);
    weights.dispose();
    // Five classes instead of three: the last class convolutions, weight and bias, of two heads with two levels.
    expect(total - taken).toBe(8);
  });

  it("is refused when its metadata is damaged", () => {
    saveSafetensors(at("damaged.safetensors"), [], { format: "yolov9-model-1", model: "{" });
    expect(() => readModelFile(at("damaged.safetensors"))).toThrow(
      "damaged.safetensors: the model in its metadata is missing or",
    );
  });
});

describe("export with published names", () => {
  it.each(["gelan-t", "yolov9-t"])("gives back what was imported, for %s", async (name) => {
    const model = build(name, { names: ["x", "y"] });
    writeOfficialFile(at("a.safetensors"), model);
    const first = keep(await importWeights(at("a.safetensors")));
    writeOfficialFile(at("b.safetensors"), first.model);
    const second = keep(await importWeights(at("b.safetensors")));
    expect([second.model.spec, second.model.names, second.namesFrom]).toEqual([first.model.spec, ["x", "y"], "file"]);
    expect(official(second.model)).toEqual(official(model));
  });
});

describe.skipIf(!existsSync(ball))("the shared checkpoint of a third-party training", () => {
  it("is recognised with its plain head, imported, and runs", async () => {
    const { model, traits, ...rest } = keep(await importWeights(ball));
    expect(rest).toEqual({ part: "model", precision: "float16", namesFrom: "file", imageSize: 640 });
    expect([model.spec.name, model.names, model.fused]).toEqual(["gelan-t-plainhead", ["ball"], false]);
    expect(traits.heads).toEqual([{ boxGroups: 1, boxWidth: 64, classWidth: 64, classConvolution: "depthwise" }]);
    scope(() => {
      const decoded = model.decode(model.forward(zeros([1, 3, 64, 64])).lead);
      expect(decoded.shape).toEqual([1, 5, 84]);
      expect(decoded.isfinite().all().item()).toBe(1);
    });
  });

  it.skipIf(!existsSync(photo))("finds the ball in a photo where people marked it", async () => {
    const { model } = keep(await importWeights(ball));
    const detector = new PictureDetector(new TorchPredictor(model), {
      width: 640,
      height: 640,
      confidence: 0.5,
      iou: 0.45,
      maxDetections: 10,
    });
    const { boxes } = await detector.detect(await detector.decode(photo));
    expect(boxes.map(({ className }) => className)).toEqual(["ball"]);
    // COCO's annotation: 485 158, 31 wide and 23 high.
    const marked = [485, 158, 516, 181];
    for (const [i, edge] of boxes[0]!.box.entries()) expect(Math.abs(edge - marked[i]!)).toBeLessThan(3);
  });

  it("comes back with the same tensors in the same order after export with published names", async () => {
    const first = keep(await importWeights(ball));
    writeOfficialFile(at("ball.safetensors"), first.model);
    const second = keep(await importWeights(at("ball.safetensors")));
    expect(official(second.model)).toEqual(official(first.model));
    const { tensors } = loadSafetensors(at("ball.safetensors"));
    // 1375 tensors of the checkpoint, each a float16 number exactly.
    expect(tensors.size).toBe(1375);
    scope(() => {
      const weight = tensors.get("model.21.cv4.conv.weight")!;
      expect(weight.to({ dtype: "float16" }).to({ dtype: "float32" }).eq(weight).all().item()).toBe(1);
    });
    for (const tensor of tensors.values()) tensor.dispose();
  });
});

describe.skipIf(!existsSync(coco))("the shared weights of YOLOv9-T with a plain head", () => {
  it("are recognised: fused, 80 classes, class branches 80 wide", async () => {
    const { model, traits } = keep(await importWeights(coco));
    expect([model.spec.name, model.fused, model.classCount]).toEqual(["gelan-t-plainhead", true, 80]);
    expect(traits.heads).toEqual([{ boxGroups: 1, boxWidth: 64, classWidth: 80, classConvolution: "full" }]);
  });
});
