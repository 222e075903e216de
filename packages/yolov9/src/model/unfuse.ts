/**
 * From a deployed model back to one that can be trained: the opposite of `fuse`. The convolutions keep their weights, their biases go into
 * batch norms that change nothing else, so that both compute the same; what was folded together cannot be told apart again.
 */
import { noGrad, scope, type Conv2d } from "@yolov9/torch";
import { Conv } from "./blocks/conv.js";
import { RepConv } from "./blocks/rep-conv.js";
import { buildModel, type DetectionModel } from "./detection-model.js";

/**
 * A new model with batch norms and the same lead output, on the CPU and in evaluation mode. The given model is left as it is and nothing
 * is shared. In every RepConv, the 3×3 branch has the weights; the 1×1 branch is fresh, and counts nothing until its batch norm has learned.
 * The batch norms have no statistics of images yet: `settleNorms` gives them some.
 * @param model fused
 */
export function unfused(model: DetectionModel): DetectionModel {
  const result = buildModel(model.spec, { names: model.names });
  const sources = new Map(model.modules());
  noGrad(() => {
    scope(() => copyFitting(model, result));
    for (const [path, module] of result.modules()) {
      const source = sources.get(path);
      if (module instanceof Conv && source instanceof Conv) unfuseConv(module, source.conv);
      if (module instanceof RepConv && source instanceof RepConv && source.fused !== undefined) {
        unfuseConv(module.spatial!, source.fused);
        module.pointwise!.norm!.weight.zero_().dispose();
      }
    }
  });
  return result.eval();
}

/** What is the same in both forms: convolutions without batch norm. */
function copyFitting(from: DetectionModel, to: DetectionModel): void {
  const given = from.stateDict();
  for (const [path, tensor] of to.stateDict()) {
    const source = given.get(path);
    if (source !== undefined) tensor.copy_(source);
  }
}

function unfuseConv({ conv, norm }: Conv, source: Conv2d): void {
  scope(() => {
    conv.weight.copy_(source.weight);
    if (norm === undefined || source.bias === undefined) return;
    norm.bias.copy_(source.bias);
    norm.running_var.fill_(1 - norm.eps);
  });
}
