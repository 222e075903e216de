/**
 * The three groups that the optimiser treats differently: biases (a learning rate of their own in warm-up), weights of convolutions
 * (the only ones that decay), and weights of batch norms.
 */
import { BatchNorm2d } from "@yolov9/torch";
import type { Module, ParameterGroup, Tensor } from "@yolov9/torch";
import type { SettledConfig, StepSettings } from "./schedule.js";

/** In the order of the columns x/lr0, x/lr1, x/lr2 of results.csv: biases, decayed weights, norm weights. */
export type ParameterGroups = readonly [biases: ParameterGroup, weights: ParameterGroup, norms: ParameterGroup];

/** Sorts a model's parameters. The weight decay is given for the nominal batch and scaled to the batches that are summed. */
export function parameterGroups(
  model: Module,
  { batch, lr0, momentum, nominalBatch, weightDecay }: SettledConfig,
): ParameterGroups {
  const normWeights = new Set(
    model.modules().flatMap(([, module]) => (module instanceof BatchNorm2d ? [module.weight] : [])),
  );
  const biases: Tensor[] = [];
  const weights: Tensor[] = [];
  const norms: Tensor[] = [];
  for (const [path, parameter] of model.parameters()) {
    if (path.endsWith("bias")) biases.push(parameter);
    else if (normWeights.has(parameter)) norms.push(parameter);
    else weights.push(parameter);
  }
  const accumulate = Math.max(Math.round(nominalBatch / batch), 1);
  const group = (parameters: Tensor[], decay: number) => ({
    parameters,
    lr: lr0,
    momentum,
    weightDecay: decay,
    nesterov: true,
  });
  return [group(biases, 0), group(weights, (weightDecay * batch * accumulate) / nominalBatch), group(norms, 0)];
}

/** Sets learning rates and momentum for the next step. */
export function applySettings([biases, weights, norms]: ParameterGroups, settings: StepSettings): void {
  biases.lr = settings.biasLr;
  weights.lr = settings.lr;
  norms.lr = settings.lr;
  for (const group of [biases, weights, norms]) group.momentum = settings.momentum;
}
