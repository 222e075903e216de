// A valid call of each exported function and class of the package but libtorch's own operators.
import type { Tensor } from "../index.js";
import type { Torch } from "./mutations.js";

export interface FunctionCall {
  readonly name: string;
  make(): unknown[];
  call(args: readonly unknown[]): unknown;
  after?(): void;
  readonly mayRefuse?: boolean;
  /** Functions take some arguments that are no good to anybody; they must not crash. */
  readonly isLenient: true;
}

/** Those that files, not arguments, can be wrong for; formats have tests of their own. */
const OF_FILES = ["DamagedFileError", "loadSafetensors", "readSafetensorsHeader", "saveSafetensors", "WriteError"];

type Callable = Parameters<typeof Reflect.apply>[0];

/** An export as what can be called with any arguments, which its own type forbids. */
function callable(torch: Torch, name: keyof Torch): Callable {
  const target: unknown = torch[name];
  if (typeof target === "function") return target;
  throw new Error(`${name} is no function`);
}

export function functionCalls(torch: Torch): FunctionCall[] {
  const { ones, randn, tensor } = torch;
  const x = (): Tensor => randn([2, 8, 6, 5]);
  const norm = () => new torch.BatchNorm2d(8);
  const call = (name: keyof Torch, make: () => unknown[], after?: () => void): FunctionCall => {
    const target = callable(torch, name);
    return {
      name,
      make,
      call: (args) => Reflect.apply(target, undefined, args) as unknown,
      ...(after && { after }),
      isLenient: true,
    };
  };
  const construct = (
    name: keyof Torch,
    make: () => unknown[],
    use: (made: never, args: readonly unknown[]) => unknown,
  ): FunctionCall => {
    const target = callable(torch, name);
    return { name, make, call: (args) => use(Reflect.construct(target, args) as never, args), isLenient: true };
  };
  const body = () => [() => x()];
  const anchors = () => ({ centres: randn([2, 30]), strides: ones([1, 30]) });
  const parameters = () => torch.parameter(randn([3]));
  const group = (parameter: Tensor) => ({
    parameters: [parameter],
    lr: 0.1,
    momentum: 0.9,
    weightDecay: 0.1,
    nesterov: true,
  });
  const step = (optimiser: InstanceType<Torch["SGD"]>, parameter: Tensor, options: object): unknown => {
    parameter.square().sum().backward();
    try {
      return optimiser.step(options);
    } finally {
      optimiser.dispose();
    }
  };
  const threads = torch.getNumThreads();
  return [
    construct(
      "Tensor",
      () => [x().handle],
      (made: Tensor) => made.shape,
    ),
    construct(
      "Recording",
      () => [],
      (made: InstanceType<Torch["Recording"]>) => {
        using recording = made;
        return recording.run(() => x().relu());
      },
    ),
    call("tensor", () => [[1, 2, 3, 4], { shape: [2, 2], dtype: "int32", device: "cpu", requiresGrad: false }]),
    call("tensorFromBytes", () => [new Uint8Array(24), "float32", [2, 3]]),
    construct(
      "Scope",
      () => [],
      (made: InstanceType<Torch["Scope"]>) => made.dispose(),
    ),
    ...(
      ["scope", "enableGrad", "noGrad", "profile", "shapesOnly", "withFrozenStatistics", "withPlainKernels"] as const
    ).map((name) => call(name, body)),
    call("callOperator", () => ["aten::relu", "", [x()]]),
    ...(
      [
        "isGradEnabled",
        "capabilities",
        "generatorState",
        "getNumThreads",
        "memory",
        "emptyCache",
        "allocatorStatistics",
        "resetPeakMemory",
      ] as const
    ).map((name) => call(name, () => [])),
    ...(["cpuMultipliesBfloat16", "usesOwnKernels"] as const).map((name) => call(name, () => [])),
    ...(["leaf", "buffer", "parameter", "hasLossKernels", "smooth", "enlarge"] as const).map((name) =>
      call(name, () => [x()]),
    ),
    call("customFunction", () => [
      { inputs: [x()], forward: () => ({ outputs: [x()], saved: [] }), backward: () => [x()] },
    ]),
    call("checkpointActivations", () => [[torch.leaf(x())], (given: Tensor) => [given.mul(2)]]),
    call("manualSeed", () => [3]),
    call("resolveDevice", () => ["cpu"]),
    call("resolvePrecision", () => ["auto", "cpu"]),
    call("setGeneratorState", () => [torch.generatorState()]),
    call(
      "setNumThreads",
      () => [1],
      () => torch.setNumThreads(threads),
    ),
    { ...call("CudaGraph", body), call: (args) => torch.CudaGraph.record(args[0] as () => void), mayRefuse: true },
    construct(
      "Module",
      () => [],
      (made: InstanceType<Torch["Conv2d"]>) => made.parameters(),
    ),
    construct(
      "Conv2d",
      () => [8, 4, 3, { stride: 2, padding: 1, dilation: 1, groups: 2, bias: true }],
      (made: InstanceType<Torch["Conv2d"]>) => made.pass(x()),
    ),
    construct(
      "BatchNorm2d",
      () => [8, { eps: 1e-3, momentum: 0.1 }],
      (made: InstanceType<Torch["BatchNorm2d"]>) => made.forward(x()),
    ),
    call("activate", () => [x(), "silu"]),
    call("batchNormActivation", () => [{ input: x(), norm: norm() }, { input: x(), norm: norm() }, "silu"]),
    call("concatFeatures", () => [[x(), x()]]),
    call("fanOut", () => [x(), 2]),
    call("unitImages", () => [ones([1, 3, 4, 4], { dtype: "uint8" }), "float32"]),
    call("decodeLevels", () => [[x()], anchors(), { bins: 1, objectness: true }]),
    call("flattenLevels", () => [[x()], [4, 4], 1]),
    construct(
      "Plan",
      () => [null, [1, 2, 3], 4],
      (made: InstanceType<Torch["Plan"]>) => made.shape,
    ),
    {
      ...call("recordPlan", () => [ones([1, 3, 4, 4], { dtype: "uint8" }), 1, () => x()]),
      call: ([image, batch, predict]) =>
        torch.noGrad(() => torch.recordPlan(image as Tensor, batch as number, predict as () => Tensor)),
    },
    call("boxLossSums", () => [
      torch.leaf(randn([6, 16])),
      { rows: Int32Array.of(1, 4), anchors: new Float32Array(8), boxes: new Float32Array(8) },
      new Float32Array(2),
    ]),
    call("crossEntropySum", () => [torch.leaf(randn([6])), Int32Array.of(1), Float32Array.of(1)]),
    {
      ...call("SGD", () => [parameters(), { maxGradientNorm: 1, average: undefined }, 0.1]),
      call: ([parameter, options, lr]) =>
        step(
          new torch.SGD([{ ...group(parameter as Tensor), lr: lr as number }]),
          parameter as Tensor,
          options as object,
        ),
    },
    {
      ...call("follow", () => [tensor([1]), tensor([2]), 0.9]),
      call: ([to, from, decay]) =>
        torch.follow({ decay: decay as number, averages: new Map([[from as Tensor, to as Tensor]]) }),
    },
    ...OF_FILES.map((name): FunctionCall => ({ name, make: () => [], call: () => undefined, isLenient: true })),
  ];
}
