// The compiled bridge as TypeScript sees it: opaque tensor handles and the functions on them. Nothing outside this
// package should need it.
import { createRequire } from "node:module";
import { withShortErrors } from "./bridge-errors.js";
import { bridgeFile } from "./bridge-places.js";
import type { DType, MemoryFormat } from "./dtype.js";

declare const brand: unique symbol;

/** An at::Tensor owned by JavaScript, until it is disposed of or collected. */
export interface TensorHandle {
  readonly [brand]: "TensorHandle";
}

/** Tensors that operators take as one argument. */
export interface TensorListHandle {
  readonly [brand]: "TensorListHandle";
}

/** A recorded graph of CUDA. */
export interface GraphHandle {
  readonly [brand]: "GraphHandle";
}

export interface OperatorSchema {
  overload: string;
  text: string;
}

export interface MemoryStatistics {
  /** Tensors that JavaScript holds. */
  liveTensors: number;
  /** Their bytes, views not counted. */
  liveBytes: number;
  /** All that were ever handed to JavaScript. */
  createdTensors: number;
  /** Those that only the garbage collector freed: nobody disposed of them, no scope closed over them. */
  collectedTensors: number;
}

/** The memory that tensors on the CPU take from the allocator. Bytes are those of whole blocks, rounded up and with a header. */
export interface AllocatorStatistics {
  bytesInUse: number;
  /** In use, and free but kept for later tensors. */
  bytesHeld: number;
  peakBytesInUse: number;
  peakBytesHeld: number;
  /** Each was served from memory that was freed before, or the system had to provide it. */
  allocations: number;
  fromCache: number;
  fromSystem: number;
}

export interface Capabilities {
  version: string;
  cuda: boolean;
  /** Whether what a GPU is asked to do can be recorded. */
  cudaGraphs: boolean;
  mkldnn: boolean;
  mkl: boolean;
  openmp: boolean;
  /** libtorch's own description of its thread pools. */
  parallel: string;
}

/** One kind of operator (`aten::cat`) or node of a backward pass (`CatBackward0`) in a profile. */
export interface OperatorTime {
  name: string;
  calls: number;
  /** All calls together, without what they spent in other operators. */
  milliseconds: number;
}

/** A plan that is ready to run. */
export interface PlanHandle {
  readonly [brand]: "PlanHandle";
}

/** A tensor's place in memory. */
export interface TensorMemory {
  /** A number of its own for everything that is alive at the same time. */
  storage: number;
  /** Elements from the storage's beginning. */
  offset: number;
  /** Elements from pixel to pixel of features in channels-last memory; 0 for everything else. */
  pixelStride: number;
}

/** A slice of features in a plan's memory. */
export interface PlacedSlice {
  /** In bytes. */
  offset: number;
  pixelStride: number;
  channels: number;
  height: number;
  width: number;
}

export interface PlanDescription {
  batch: number;
  dtype: DType;
  imageBytes: number;
  predictionCount: number;
  memoryBytes: number;
  steps: {
    kind: string;
    reads: PlacedSlice[];
    writes: PlacedSlice[];
    constants: readonly (TensorHandle | null)[];
    numbers: readonly number[];
  }[];
}

export interface Bridge {
  findOperator(name: string, overload: string): number;
  callOperator(index: number, args: readonly unknown[]): unknown;
  /** All operators of a namespace, with it. */
  operatorNames(namespace: string): string[];
  operatorSchemas(name: string): OperatorSchema[];
  fromBytes(bytes: Uint8Array, dtype: DType, shape: readonly number[]): TensorHandle;
  toBytes(tensor: TensorHandle): ArrayBuffer;
  /**
   * The tensor's own memory, of use until it is taken back; null where elements are not on the CPU one after another. The memory stays until
   * then, whatever becomes of the tensor.
   */
  lend(tensor: TensorHandle): ArrayBuffer | null;
  takeBack(buffer: ArrayBuffer): void;
  makeTensorList(tensors: readonly (TensorHandle | null)[]): TensorListHandle;
  disposeTensorList(list: TensorListHandle): void;
  shape(tensor: TensorHandle): number[];
  dtype(tensor: TensorHandle): DType;
  device(tensor: TensorHandle): string;
  memoryOf(tensor: TensorHandle): TensorMemory;
  /** Another handle to the same tensor. */
  alias(tensor: TensorHandle): TensorHandle;
  item(tensor: TensorHandle): number;
  isContiguous(tensor: TensorHandle, format: MemoryFormat): boolean;
  dispose(tensor: TensorHandle): void;
  /** Tells the garbage collector how much memory hangs on a tensor that no scope owns. */
  watchMemory(tensor: TensorHandle): void;
  requiresGrad(tensor: TensorHandle): boolean;
  setRequiresGrad(tensor: TensorHandle, flag: boolean): void;
  grad(tensor: TensorHandle): TensorHandle | null;
  clearGrad(tensor: TensorHandle): void;
  backward(tensor: TensorHandle, gradient: TensorHandle | undefined, retainGraph: boolean): void;
  /** Sets the function that nodes made by `attachBackward` call with their number and the gradients of their outputs. */
  setBackwardHandler(
    handler: (id: number, gradients: readonly (TensorHandle | null)[]) => readonly (TensorHandle | null)[],
  ): void;
  /** Makes outputs, computed without recording, functions of the inputs in the autograd graph. */
  attachBackward(id: number, inputs: readonly TensorHandle[], outputs: readonly TensorHandle[]): void;
  /** The numbers of nodes that are gone since the last call. */
  releasedBackwards(): number[];
  setGradEnabled(enabled: boolean): boolean;
  isGradEnabled(): boolean;
  manualSeed(seed: number): void;
  generatorState(): TensorHandle;
  setGeneratorState(state: TensorHandle): void;
  setThreads(count: number): void;
  threads(): number;
  memory(): MemoryStatistics;
  /** Whether a plan's convolution takes slices of features, and adds a residual in the same pass. */
  convolvesSlices(
    x: TensorHandle,
    weight: TensorHandle,
    stride: number,
    padding: number,
    dilation: number,
    groups: number,
  ): boolean;
  makePlan(description: PlanDescription): PlanHandle;
  runPlan(plan: PlanHandle, images: Uint8Array, predictions: Float32Array): boolean;
  disposePlan(plan: PlanHandle): void;
  /** Lets tensors on the CPU made from now on take their memory from the caching allocator. */
  useCachingAllocator(): void;
  allocatorStatistics(): AllocatorStatistics;
  resetPeakMemory(): void;
  emptyCache(): void;
  startProfile(): void;
  stopProfile(): OperatorTime[];
  capabilities(): Capabilities;
  /** The functions from here on are there only with `cudaGraphs`. */
  beginRecording(): void;
  endRecording(): GraphHandle;
  abandonRecording(): void;
  replayGraph(graph: GraphHandle): void;
  disposeGraph(graph: GraphHandle): void;
}

function load(): Bridge {
  // A thread that waits for work at the end of an operator spins for about a tenth of a millisecond, then sleeps. Sleeping at once costs
  // a wake-up at each of a step's thousands of barriers, a quarter of its time; spinning on and on makes every operator several
  // times slower where data loading or other programs want the cores too. libgomp reads this when it is loaded.
  process.env.OMP_WAIT_POLICY ??= "passive";
  process.env.GOMP_SPINCOUNT ??= "10000";
  try {
    return createRequire(import.meta.url)(process.env.YOLOV9_BRIDGE ?? bridgeFile()) as Bridge;
  } catch (error) {
    const reason = error instanceof Error ? error.message.split("\n")[0] : String(error);
    throw new Error(
      `The libtorch bridge cannot be loaded (${reason}). Build it with \`npx yolov9 build-native\`; it needs libtorch ` +
        "(`apt-get install libtorch-dev`) and g++.",
      { cause: error },
    );
  }
}

export const bridge = withShortErrors(load()) as Bridge;
