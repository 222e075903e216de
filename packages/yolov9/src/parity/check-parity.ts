/**
 * Runs one parity file: builds its model, fills in the weights, evaluates one image, takes one training step's forward and backward,
 * and compares everything with the file. On the CPU.
 */
import { getNumThreads, noGrad, scope, setNumThreads, withPlainKernels, type DType, type Tensor } from "@yolov9/torch";
import { lossOfModel, type LossResult } from "../loss/index.js";
import {
  buildModel,
  loadModelSpec,
  loadOfficialStateDict,
  officialStateDict,
  profile,
  type DetectionModel,
} from "../model/index.js";
import { difference, largest, type Difference } from "./differences.js";
import { imagesOf, weightsOf, type ParityFixture } from "./fixture.js";

/** Floors of relative differences: boxes in pixels, scores as probabilities. */
const BOX_FLOOR = 1;
const SCORE_FLOOR = 0.01;
/** A gradient norm this much smaller than the file's largest is rounding noise of larger terms that cancel. */
const GRADIENT_FLOOR_SHARE = 1e-6;
/** libtorch sums batch norm's statistics in another order on a single thread, and alike on two and more, as the reference did. */
const REFERENCE_THREADS = 2;
/** Rows of a decoded output that hold the box. */
const BOX_ROWS = 4;

/** What is compared, in the order in which it is printed. */
export const QUANTITIES = ["eval", "loss", "items", "gradients", "runningMeans", "kernels"] as const;
export type Quantity = (typeof QUANTITIES)[number];

/** Largest relative difference that passes. */
export const TOLERANCES: Readonly<Record<Quantity, number>> = {
  eval: 1e-4,
  loss: 1e-4,
  items: 1e-4,
  gradients: 1e-3,
  runningMeans: 1e-4,
  kernels: 1e-6,
};

export interface ParityReport {
  readonly variant: string;
  readonly stateDictSize: number;
  readonly parameters: number;
  /** Largest of each kind. */
  readonly differences: Readonly<Record<Quantity, Difference>>;
  /** What differs in kind: keys, shapes, order, counts, strides. */
  readonly problems: readonly string[];
}

export function passes({ differences, problems }: ParityReport): boolean {
  return problems.length === 0 && QUANTITIES.every((name) => differences[name].relative <= TOLERANCES[name]);
}

/**
 * Compares with the file in float32 with libtorch's separate operators. These networks with hashed weights amplify rounding a
 * thousandfold, in the file's own numbers too, so only the same order of operations agrees closely in float32. That the fused kernels,
 * with which models are trained, compute the same is checked in float64.
 * @throws Error when the zoo has no such model or its weights do not fit
 */
export function checkParity(fixture: ParityFixture): ParityReport {
  const threads = getNumThreads();
  setNumThreads(Math.max(threads, REFERENCE_THREADS));
  try {
    return check(fixture);
  } finally {
    setNumThreads(threads);
  }
}

function check(fixture: ParityFixture): ParityReport {
  const model = buildModel(loadModelSpec(fixture.variant), { classCount: fixture.nc });
  try {
    return scope(() => {
      const problems = structureProblems(model, fixture);
      loadOfficialStateDict(model, weightsOf(fixture.state_dict));
      const evaluation = withPlainKernels(() => evaluationDifference(model, fixture, problems));
      const training = withPlainKernels(() => trainingDifferences(model, fixture, problems));
      return {
        variant: fixture.variant,
        stateDictSize: officialStateDict(model).size,
        parameters: profile(model).parameters.training,
        differences: { eval: evaluation, ...training, kernels: kernelDifference(model, fixture) },
        problems,
      };
    });
  } finally {
    model.dispose();
  }
}

function structureProblems(model: DetectionModel, fixture: ParityFixture): string[] {
  const problems: string[] = [];
  const expected = Object.entries(fixture.state_dict).map(([key, shape]) => `${key} [${shape.join(", ")}]`);
  const actual = [...officialStateDict(model)].map(([key, { shape }]) => `${key} [${shape.join(", ")}]`);
  const first = Array.from({ length: Math.max(expected.length, actual.length) }, (_, i) => i).find(
    (i) => expected[i] !== actual[i],
  );
  if (first !== undefined) {
    problems.push(`state dict entry ${first} is ${actual[first] ?? "absent"}, expected ${expected[first] ?? "none"}`);
  }
  const parameters = profile(model).parameters.training;
  if (parameters !== fixture.parameters) problems.push(`${parameters} parameters, expected ${fixture.parameters}`);
  if (model.strides.join() !== fixture.strides.join()) {
    problems.push(`strides ${model.strides.join(", ")}, expected ${fixture.strides.join(", ")}`);
  }
  return problems;
}

/** The file may hold the lead output alone, as heads that give no other do. */
function evaluationDifference(model: DetectionModel, fixture: ParityFixture, problems: string[]): Difference {
  model.eval();
  const decoded = noGrad(() =>
    scope(() => {
      const { lead, auxiliaries } = model.forward(imagesOf(fixture, 1), { auxiliary: true });
      return [...auxiliaries, lead].map((levels) => model.decode(levels));
    }),
  );
  const compared = decoded.slice(-fixture.eval.length);
  if (compared.length < fixture.eval.length) {
    problems.push(`${decoded.length} outputs in evaluation, expected ${fixture.eval.length}`);
  }
  return largest(compared.map((output, i) => outputDifference(output, fixture.eval[i]!, `output ${i}`, problems)));
}

function outputDifference(
  output: Tensor,
  expected: ParityFixture["eval"][number],
  where: string,
  problems: string[],
): Difference {
  if (output.shape.join() !== expected.shape.join()) {
    problems.push(`${where} has shape [${output.shape.join(", ")}], expected [${expected.shape.join(", ")}]`);
    return difference(NaN, 0, 1, where);
  }
  const anchors = output.shape[2]!;
  const actual = output.toArray();
  return largest(
    expected.values.map((value, i) => {
      const row = Math.floor(i / anchors);
      const floor = row < BOX_ROWS ? BOX_FLOOR : SCORE_FLOOR;
      return difference(Number(actual[i]), value, floor, `${where}, row ${row}, anchor ${i % anchors}`);
    }),
  );
}

function trainingDifferences(
  model: DetectionModel,
  fixture: ParityFixture,
  problems: string[],
): Record<Exclude<Quantity, "eval" | "kernels">, Difference> {
  const { train } = fixture;
  const result = trainingStep(model, fixture, "float32");
  const { items } = result;
  const [box, cls, dfl] = train.items_box_cls_dfl;
  return {
    loss: difference(result.total.item(), train.loss, 0, "loss"),
    items: largest([
      difference(items.box, box, 0, "box"),
      difference(items.cls, cls, 0, "cls"),
      difference(items.dfl, dfl, 0, "dfl"),
    ]),
    gradients: gradientDifference(model, train.grad_l2, problems),
    runningMeans: runningMeanDifference(model, train.bn_running_mean_l2),
  };
}

/** Forward and backward in training mode; the gradients stay with the parameters. */
function trainingStep(model: DetectionModel, fixture: ParityFixture, dtype: DType): LossResult {
  const { batch, size, targets } = fixture;
  const loss = lossOfModel(model);
  const images = imagesOf(fixture, batch).to({ dtype });
  const rows = Float32Array.from(targets.flat());
  const result = loss.compute(model.train().forward(images), { rows, imageCount: batch, width: size, height: size });
  result.total.backward();
  return result;
}

/** Gradient norms with the fused kernels against those with separate operators, in float64. Leaves the model in float64. */
function kernelDifference(model: DetectionModel, fixture: ParityFixture): Difference {
  model.to({ dtype: "float64" });
  const norms = (): Map<string, number> =>
    scope(() => {
      for (const [, parameter] of model.parameters()) parameter.clearGrad();
      trainingStep(model, fixture, "float64");
      return new Map(model.parameters().map(([path, parameter]) => [path, norm2(parameter.grad!)]));
    });
  const fused = norms();
  const separate = withPlainKernels(norms);
  const floor = GRADIENT_FLOOR_SHARE * Math.max(...separate.values());
  return largest([...separate].map(([path, norm]) => difference(fused.get(path)!, norm, floor, path)));
}

function gradientDifference(
  model: DetectionModel,
  expected: ParityFixture["train"]["grad_l2"],
  problems: string[],
): Difference {
  const tensors = officialStateDict(model);
  const trained = Object.entries(expected).flatMap(([key, norm]) => (norm === null ? [] : [{ key, norm }]));
  const floor = GRADIENT_FLOOR_SHARE * trained.reduce((most, { norm }) => Math.max(most, norm), 0);
  return largest(
    trained.map(({ key, norm }) => {
      const gradient = tensors.get(key)?.grad;
      if (gradient === undefined && norm > 0) problems.push(`${key} has no gradient, expected norm ${norm}`);
      return difference(gradient === undefined ? 0 : norm2(gradient), norm, floor, key);
    }),
  );
}

function runningMeanDifference(
  model: DetectionModel,
  expected: ParityFixture["train"]["bn_running_mean_l2"],
): Difference {
  const tensors = officialStateDict(model);
  return largest(
    Object.entries(expected).map(([key, norm]) => {
      const tensor = tensors.get(key);
      return difference(tensor === undefined ? NaN : norm2(tensor), norm, 0, key);
    }),
  );
}

/** L2 norm in double precision. */
function norm2(x: Tensor): number {
  return scope(() => {
    const wide = x.detach().to({ dtype: "float64" });
    return Math.sqrt(wide.mul(wide).sum().item());
  });
}
