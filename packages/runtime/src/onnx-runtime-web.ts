/**
 * ONNX Runtime's builds for browsers: which one is loaded, and with how many threads. Imported when they are needed and not above, bundlers
 * give them files of their own, which only those pages fetch that detect.
 */

import type * as OnnxRuntimeWeb from "onnxruntime-web";

declare const crossOriginIsolated: boolean | undefined;

/** @param gpu whether the build that knows WebGPU and WebNN is needed, which is twice as large to fetch */
export async function onnxRuntime(gpu: boolean, threads: number): Promise<typeof OnnxRuntimeWeb> {
  const ort = await (gpu ? import("onnxruntime-web/webgpu") : import("onnxruntime-web/wasm"));
  // Only pages isolated from other origins may share memory between threads; asking for it elsewhere prints a warning.
  if (typeof crossOriginIsolated === "undefined" || !crossOriginIsolated) return ort;
  ort.env.wasm.numThreads = threads;
  if (threads > 1 && ort.env.wasm.wasmPaths === undefined) {
    const files = gpu ? gpuFiles() : processorFiles();
    if (await isScript(files.mjs)) ort.env.wasm.wasmPaths = files;
  }
  return ort;
}

/**
 * The file that threads run, as bundlers find it. Otherwise threads run the file that ONNX Runtime is bundled in, and that one may import the
 * page's own code, which fails in a thread without a word.
 */
function processorFiles(): { mjs: URL; wasm: URL } {
  return {
    mjs: new URL("onnxruntime-web/ort-wasm-simd-threaded.mjs", import.meta.url),
    wasm: new URL("onnxruntime-web/ort-wasm-simd-threaded.wasm", import.meta.url),
  };
}

function gpuFiles(): { mjs: URL; wasm: URL } {
  return {
    mjs: new URL("onnxruntime-web/ort-wasm-simd-threaded.asyncify.mjs", import.meta.url),
    wasm: new URL("onnxruntime-web/ort-wasm-simd-threaded.asyncify.wasm", import.meta.url),
  };
}

/** False where no bundler has put the file in its place. */
async function isScript(address: URL): Promise<boolean> {
  try {
    const { ok, headers } = await fetch(address, { method: "HEAD" });
    return ok && /javascript/.test(headers.get("content-type") ?? "");
  } catch {
    return false;
  }
}
