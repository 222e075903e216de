// A valid call, or several, of each operator of this package.
import type { Tensor } from "../index.js";
import type { Torch } from "./mutations.js";

export interface OperatorCall {
  /** Without its namespace. */
  readonly operator: string;
  /** New arguments at every call: operators change some. */
  make(): unknown[];
  /** Whether this libtorch may be too old, or built without what the operator needs. */
  readonly mayRefuse?: boolean;
}

const BINS = 4;
const CLASSES = 3;

export function operatorCalls(torch: Torch): OperatorCall[] {
  return [
    ...headCalls(torch),
    ...featureCalls(torch),
    ...convolutionCalls(torch),
    ...normCalls(torch),
    ...optimiserCalls(torch),
  ];
}

function trained(x: Tensor): Tensor {
  x.requiresGrad = true;
  return x;
}

function headCalls({ ones, randn, tensor }: Torch): OperatorCall[] {
  const levels = (dtype: "float32" | "bfloat16"): Tensor[] =>
    [4, 2].map((side) =>
      trained(
        randn([2, 4 * BINS + CLASSES, side, side])
          .to({ dtype })
          .detach(),
      ),
    );
  const rows = (): Tensor => tensor(Int32Array.of(1, 4));
  return [
    {
      operator: "decode_levels",
      make: () => [levels("float32").map((x) => x.detach()), randn([2, 20]), ones([1, 20]), BINS, false, true],
    },
    {
      operator: "decode_levels",
      make: () => [levels("bfloat16").map((x) => x.detach()), randn([2, 20]), ones([1, 20]), BINS, true, true],
    },
    { operator: "decode_levels", make: () => [levels("float32"), randn([2, 20]), ones([1, 20]), BINS, true, false] },
    { operator: "flatten_levels", make: () => [levels("float32"), [4 * BINS, CLASSES], BINS] },
    { operator: "flatten_levels", make: () => [levels("bfloat16"), [4 * BINS, CLASSES], BINS] },
    {
      operator: "cross_entropy",
      make: () => [trained(randn([3, 7])), tensor(Int32Array.of(0, 20)), tensor(Float32Array.of(1, 0.5))],
    },
    {
      operator: "box_losses",
      make: () => [trained(randn([6, 4 * BINS])), rows(), randn([2, 4]), randn([2, 4]), ones([2])],
    },
  ];
}

function featureCalls({ ones, randn }: Torch): OperatorCall[] {
  const features = (channels = 8): Tensor => trained(randn([2, channels, 5, 6]));
  return [
    { operator: "unit_images", make: () => [ones([2, 3, 4, 6], { dtype: "uint8" }), "bfloat16"] },
    { operator: "smooth", make: () => [features()] },
    { operator: "enlarge", make: () => [features()] },
    { operator: "concat", make: () => [[features(), features(3)]] },
    { operator: "fan_out", make: () => [features(), 3] },
  ];
}

function convolutionCalls({ randn }: Torch): OperatorCall[] {
  const operands = (dtype: "float32" | "bfloat16", channels: number, kernel: number, isTrained: boolean) => {
    const tensors = [
      randn([2, channels, 6, 5]).to({ dtype }).detach(),
      randn([channels, channels, kernel, kernel]),
      randn([channels]),
    ];
    return isTrained ? tensors.map(trained) : tensors;
  };
  const calls: OperatorCall[] = [];
  for (const dtype of ["float32", "bfloat16"] as const) {
    for (const [channels, kernel, stride, isTrained] of [
      [32, 3, 1, true],
      [8, 1, 1, false],
      [8, 3, 2, true],
    ] as const) {
      const numbers = [stride, (kernel - 1) / 2, 1, 1];
      calls.push(
        { operator: "convolution", make: () => [...operands(dtype, channels, kernel, isTrained), ...numbers, 1] },
        {
          operator: "convolution_passing",
          make: () => [...operands(dtype, channels, kernel, isTrained).slice(0, 2), null, ...numbers],
        },
      );
    }
  }
  const grouped = (): unknown[] => [trained(randn([1, 8, 6, 6])), trained(randn([8, 2, 3, 3])), null, 1, 1, 1, 4, 2];
  return [...calls, { operator: "convolution", make: grouped }];
}

function normCalls({ ones, randn }: Torch): OperatorCall[] {
  const normalised = (dtype: "float32" | "bfloat16" | "float64"): Tensor[] => {
    const of = dtype === "bfloat16" ? "float32" : dtype;
    const values = [randn([8], { dtype: of }), randn([8], { dtype: of })].map(trained);
    return [
      trained(randn([2, 8, 4, 3]).to({ dtype }).detach()),
      ...values,
      randn([8], { dtype: of }),
      ones([8], { dtype: of }),
    ];
  };
  const none = [null, null, null, null, null];
  return (["float32", "bfloat16", "float64"] as const).flatMap((dtype) =>
    [true, false].flatMap((training) => [
      { operator: "batch_norm_activation", make: () => [...normalised(dtype), ...none, training, 0.1, 1e-5, 2] },
      {
        operator: "batch_norm_activation",
        make: () => [...normalised(dtype), ...normalised(dtype), training, 0.1, 1e-5, 1],
      },
    ]),
  );
}

function optimiserCalls({ ones, randn, zeros }: Torch): OperatorCall[] {
  const learning = (shape: number[]): Tensor => {
    const x = trained(randn(shape));
    x.square().sum().backward();
    return x;
  };
  const moved = (): unknown[] => [
    [learning([4, 3]), learning([7])],
    [zeros([4, 3]), zeros([7])],
    [randn([4, 3]), null],
  ];
  const settings = [0.1, 0.9, 0.01, true, 0.9];
  return [
    { operator: "gradient_norm", make: () => [[learning([4, 3]), learning([7])], true] },
    { operator: "gradient_norm", make: () => [[learning([4, 3]), learning([7])], false] },
    { operator: "follow", make: () => [[randn([4, 3]), randn([7])], [randn([4, 3]), randn([7])], 0.9, true] },
    { operator: "follow", make: () => [[randn([4, 3])], [randn([4, 3])], 0.9, false] },
    { operator: "sgd_step", make: () => [...moved(), 1, ...settings, true] },
    { operator: "sgd_step", make: () => [...moved(), 0.5, ...settings, false] },
    { operator: "clear_gradients", make: () => [[learning([4, 3])]] },
    { operator: "collect_gradients", make: () => [[learning([4, 3])], [zeros([4, 3])]], mayRefuse: true },
    { operator: "gradient_norm_on_device", make: () => [[randn([4, 3])]], mayRefuse: true },
    {
      operator: "sgd_step_on_device",
      make: () => [
        [learning([4, 3])],
        [randn([4, 3])],
        [zeros([4, 3])],
        [randn([4, 3])],
        ones([]),
        3,
        1e-6,
        ...settings,
      ],
      mayRefuse: true,
    },
  ];
}
