/** Examines the machine for `doctor`: each part is tried as the program would use it, and a failure becomes a finding. */
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { arch, availableParallelism, cpus, freemem, platform, release, totalmem } from "node:os";
import type { AvailableFormatInfo } from "sharp";
import { z } from "zod";
import { messageOf } from "../error-message.js";

export interface Finding {
  readonly name: string;
  readonly ok: boolean;
  readonly facts: readonly string[];
  /** What to do, where something is wrong or could be better. */
  readonly remedy?: string;
}

/** Node 20.19 is the first of its line that loads ES modules from CommonJS without a flag. */
const OLDEST_NODE = [20, 19] as const;
/** Training YOLOv9-T at 640 pixels with a batch of 16 needs about this much. */
const COMFORTABLE_MEMORY_GIB = 4;

export async function examineMachine(): Promise<Finding[]> {
  return [nodeFinding(), machineFinding(), await libtorchFinding(), await onnxRuntimeFinding(), await sharpFinding()];
}

function nodeFinding(): Finding {
  const [major = 0, minor = 0] = process.versions.node.split(".").map(Number);
  const ok = major > OLDEST_NODE[0] || (major === OLDEST_NODE[0] && minor >= OLDEST_NODE[1]);
  const facts = [`${process.version}, ${platform()} ${release()} ${arch()}`];
  return ok
    ? { name: "Node", ok, facts }
    : { name: "Node", ok, facts, remedy: `install Node ${OLDEST_NODE.join(".")} or later` };
}

function machineFinding(): Finding {
  const gib = (bytes: number): string => (bytes / 2 ** 30).toFixed(1);
  const facts = [
    `${cpus()[0]?.model ?? "unknown processor"}, ${availableParallelism()} cores for this process`,
    `${gib(totalmem())} GiB memory, ${gib(freemem())} GiB free`,
  ];
  const roomy = totalmem() / 2 ** 30 >= COMFORTABLE_MEMORY_GIB;
  const remedy = "with so little memory, train with a smaller --batch or --imgsz";
  return { name: "Machine", ok: true, facts, ...(roomy ? {} : { remedy }) };
}

async function libtorchFinding(): Promise<Finding> {
  try {
    const torch = await import("@yolov9/torch");
    const { version, cuda, cudaGraphs, mkldnn, mkl, openmp } = torch.capabilities();
    const parts = Object.entries({
      CUDA: cuda,
      ...(cuda && { "CUDA graphs": cudaGraphs }),
      oneDNN: mkldnn,
      MKL: mkl,
      OpenMP: openmp,
    });
    return {
      name: "libtorch",
      ok: true,
      facts: [
        `${version}${loadedLibrary("libtorch_cpu")}`,
        parts.map(([part, present]) => `${part} ${present ? "yes" : "no"}`).join(", "),
        `${torch.allocatorStatistics() ? "caching" : "the system's"} allocator for tensors on the CPU`,
        `${torch.getNumThreads()} threads, device "auto" is ${torch.resolveDevice("auto")}`,
      ],
      ...(mkldnn ? {} : { remedy: "this libtorch has no oneDNN: convolutions on the CPU will be slow" }),
    };
  } catch (error) {
    const { tried, hint } = await searchLibtorch();
    return {
      name: "libtorch",
      ok: false,
      facts: [firstLine(error), ...tried.map((place) => `tried ${place}`)],
      remedy: hint,
    };
  }
}

/** The search that the native build makes: where it looked, and what to install. */
async function searchLibtorch(): Promise<{ tried: string[]; hint: string }> {
  const search = new URL("../native/find-libtorch.mjs", import.meta.resolve("@yolov9/torch"));
  const module = z
    .object({ findLibtorch: z.function({ output: z.object({ tried: z.array(z.string()) }) }), installHint: z.string() })
    .safeParse(await import(search.href).catch(() => undefined));
  if (!module.success) return { tried: [], hint: "install libtorch, then run `npx yolov9 build-native`" };
  const hint = `${module.data.installHint} Then run \`npx yolov9 build-native\`.`;
  return { tried: module.data.findLibtorch().tried, hint };
}

async function onnxRuntimeFinding(): Promise<Finding> {
  const name = "ONNX Runtime";
  try {
    const { InferenceSession } = await import("onnxruntime-node");
    const usable = typeof InferenceSession.create === "function";
    return { name, ok: usable, facts: [packageVersionOf("onnxruntime-node")] };
  } catch (error) {
    return {
      name,
      ok: false,
      facts: [firstLine(error)],
      remedy:
        "install again with ONNXRUNTIME_NODE_INSTALL=skip in the environment, which leaves out what only NVIDIA GPUs need; " +
        "detection with ONNX files needs it",
    };
  }
}

async function sharpFinding(): Promise<Finding> {
  try {
    const { default: sharp } = await import("sharp");
    const known: Record<string, AvailableFormatInfo> = { ...sharp.format };
    const formats = Object.keys(known).filter((format) => known[format]?.input.file);
    const { vips, sharp: version } = sharp.versions;
    return {
      name: "sharp",
      ok: true,
      facts: [`${version} on libvips ${vips}`, `reads ${formats.join(", ")}`],
    };
  } catch (error) {
    return {
      name: "sharp",
      ok: false,
      facts: [firstLine(error)],
      remedy: "run `npm ci` again; decoding images needs it",
    };
  }
}

/** Where the running process has a library from, on systems that tell. */
function loadedLibrary(name: string): string {
  try {
    const line = readFileSync("/proc/self/maps", "utf8")
      .split("\n")
      .find((mapping) => mapping.includes(name));
    const path = line === undefined ? undefined : /\/.*/.exec(line)?.[0];
    return path === undefined ? "" : `, ${path}`;
  } catch {
    return "";
  }
}

function packageVersionOf(name: string): string {
  const manifest: unknown = createRequire(import.meta.url)(`${name}/package.json`);
  return z.object({ version: z.string() }).parse(manifest).version;
}

function firstLine(error: unknown): string {
  return messageOf(error).split("\n")[0] ?? "";
}
