// What a GPU is asked to do, recorded once and asked for again as a whole: a step of a small model is thousands of kernels, which
// take longer to launch one by one than to run.
import { bridge, type GraphHandle } from "./native.js";

export class CudaGraph implements Disposable {
  readonly #handle: GraphHandle;

  private constructor(handle: GraphHandle) {
    this.#handle = handle;
  }

  /** Whether this libtorch and machine can record, and the environment does not say YOLOV9_CUDA_GRAPHS=off. */
  static get isAvailable(): boolean {
    return process.env.YOLOV9_CUDA_GRAPHS !== "off" && bridge.capabilities().cudaGraphs;
  }

  /**
   * Records what `body` asks of the GPU; nothing of it happens yet. It reads its inputs from, and leaves its results in, the memory of
   * the tensors that it was recorded with, and must neither read numbers back nor bring new ones over.
   * @throws Error where `body` does what cannot be recorded
   */
  static record(body: () => void): CudaGraph {
    bridge.beginRecording();
    try {
      body();
      return new CudaGraph(bridge.endRecording());
    } catch (error) {
      bridge.abandonRecording();
      throw error;
    }
  }

  /** Asks for all of it again. Does not wait. */
  replay(): void {
    bridge.replayGraph(this.#handle);
  }

  dispose(): void {
    bridge.disposeGraph(this.#handle);
  }

  [Symbol.dispose](): void {
    this.dispose();
  }
}
