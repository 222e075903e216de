// A valid call of each function of the bridge.
import type { Bridge, TensorHandle } from "../native.js";
import type { Torch } from "./mutations.js";

export interface BridgeCall {
  readonly name: keyof Bridge;
  make(): unknown[];
  /** Puts back what the call changed for all that follow. */
  after?(result: unknown): void;
  /** Whether it may be called now at all. */
  readonly mayRefuse?: boolean;
  /** Doing it to nothing is harmless. */
  readonly isLenient?: true;
}

/** A plan of one picture: bytes to numbers, a convolution, decoding. */
export function planDescription({ ones, randn }: Torch): Record<string, unknown> {
  const slice = (offset: number, channels: number) => ({
    offset,
    pixelStride: channels,
    channels,
    height: 4,
    width: 2,
  });
  const [images, features, pooled] = [slice(0, 3), slice(256, 16), slice(1024, 16)];
  const step = (
    kind: string,
    reads: unknown[],
    writes: unknown[],
    constants: unknown[] = [],
    numbers: number[] = [],
  ) => ({
    kind,
    reads,
    writes,
    constants,
    numbers,
  });
  return {
    batch: 1,
    dtype: "float32",
    imageBytes: 24,
    predictionCount: 64,
    memoryBytes: 2048,
    steps: [
      step("images", [], [images]),
      step("convolution", [images], [features], [randn([16, 3, 3, 3]), randn([16])], [1, 1, 1, 1, 1]),
      step("maxPool", [features], [pooled], [], [3, 1, 1]),
      step("add", [features, pooled], [features]),
      step("copy", [features], [pooled]),
      step("smooth", [features], [{ ...slice(1536, 16), height: 3, width: 1 }]),
      step("enlarge", [{ ...features, height: 2, width: 1 }], [pooled]),
      step("decode", [features], [], [randn([2, 8]), ones([1, 8])], [3, 0]),
    ],
  };
}

export function bridgeCalls(torch: Torch, bridge: Bridge): BridgeCall[] {
  const { randn, tensor } = torch;
  const x = () => randn([2, 3]);
  const one = (name: keyof Bridge): BridgeCall => ({ name, make: () => [x()] });
  const nothing = (name: keyof Bridge, after?: () => void): BridgeCall => ({
    name,
    make: () => [],
    ...(after && { after }),
  });
  const makePlan = (): unknown =>
    bridge.makePlan(toHandles(torch, planDescription(torch)) as Parameters<Bridge["makePlan"]>[0]);
  const relu = bridge.findOperator("aten::relu", "");
  const trained = () => torch.leaf(randn([2, 2])).square();
  const single = () => {
    bridge.setThreads(1);
  };
  const lent = (buffer: unknown) => {
    if (buffer instanceof ArrayBuffer) bridge.takeBack(buffer);
  };
  return [
    ...(["shape", "dtype", "device", "memoryOf", "alias", "requiresGrad", "grad", "clearGrad", "toBytes"] as const).map(
      one,
    ),
    ...(["dispose", "watchMemory"] as const).map((name): BridgeCall => ({ ...one(name), isLenient: true })),
    { ...one("lend"), after: lent },
    { name: "takeBack", make: () => [bridge.lend(x().handle)] },
    { name: "item", make: () => [tensor(3)] },
    { name: "isContiguous", make: () => [x(), "contiguous"] },
    { name: "setRequiresGrad", make: () => [x(), true] },
    { name: "backward", make: () => [trained(), randn([2, 2]), false] },
    { name: "findOperator", make: () => ["aten::relu", ""] },
    { name: "callOperator", make: () => [relu, [x()]] },
    { name: "operatorNames", make: () => ["yolov9"] },
    { name: "operatorSchemas", make: () => ["aten::relu"] },
    { name: "fromBytes", make: () => [new Uint8Array(24), "float32", [2, 3]] },
    { name: "makeTensorList", make: () => [[x(), null, x()]] },
    { name: "disposeTensorList", make: () => [bridge.makeTensorList([x().handle])] },
    { name: "setBackwardHandler", make: () => [(_: number, gradients: unknown[]) => gradients] },
    { name: "attachBackward", make: () => [1e6, [torch.leaf(x())], [x()]] },
    nothing("releasedBackwards"),
    { name: "setGradEnabled", make: () => [false], after: () => void bridge.setGradEnabled(true) },
    nothing("isGradEnabled"),
    { name: "manualSeed", make: () => [3] },
    nothing("generatorState"),
    { name: "setGeneratorState", make: () => [torch.generatorState()] },
    { name: "setThreads", make: () => [1], after: single },
    nothing("threads"),
    nothing("memory"),
    {
      name: "convolvesSlices",
      make: () => [randn([1, 8, 4, 4]).to({ dtype: "bfloat16" }), randn([8, 8, 3, 3]), 1, 1, 1, 1],
    },
    { name: "makePlan", make: () => [planDescription(torch)] },
    { name: "runPlan", make: () => [makePlan(), new Uint8Array(24), new Float32Array(64)] },
    { name: "disposePlan", make: () => [makePlan()] },
    { name: "useCachingAllocator", make: () => [], mayRefuse: true },
    nothing("allocatorStatistics"),
    nothing("resetPeakMemory"),
    nothing("emptyCache"),
    { name: "startProfile", make: () => [], after: () => void bridge.stopProfile() },
    {
      name: "stopProfile",
      make: () => {
        bridge.startProfile();
        return [];
      },
    },
    nothing("capabilities"),
    ...(["beginRecording", "endRecording", "abandonRecording", "replayGraph", "disposeGraph"] as const).map(
      (name): BridgeCall => ({ name, make: () => [undefined], mayRefuse: true }),
    ),
  ];
}

const handles = new WeakMap<object, TensorHandle>();

/** Remembers the handle of a tensor, which a disposed one no longer gives. */
export function rememberHandle(tensor: { readonly handle: TensorHandle }): void {
  handles.set(tensor, tensor.handle);
}

/** The same arguments as the bridge takes them. */
export function toHandles(torch: Pick<Torch, "Tensor">, value: unknown): unknown {
  if (value instanceof torch.Tensor) return handles.get(value) ?? value.handle;
  if (Array.isArray(value)) return Array.from(value, (item: unknown) => toHandles(torch, item));
  if (typeof value !== "object" || value === null || Object.getPrototypeOf(value) !== Object.prototype) return value;
  return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, toHandles(torch, item)]));
}
