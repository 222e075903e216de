import { defineConfig } from "vite";

/** Headers that isolate the page from other origins. Only then do browsers share memory between threads. */
const headers = {
  "Cross-Origin-Opener-Policy": "same-origin",
  "Cross-Origin-Embedder-Policy": "require-corp",
};

export default defineConfig({
  // The worker loads ONNX Runtime when it needs it, which only modules can.
  worker: { format: "es" },
  // ONNX Runtime finds its WebAssembly beside its own files, which the development server must not move.
  optimizeDeps: {
    exclude: ["@yolov9/runtime", "onnxruntime-web"],
    include: ["@yolov9/runtime > protobufjs/minimal.js"],
  },
  server: { headers },
  preview: { headers },
});
