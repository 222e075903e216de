/**
 * From the model that was trained to the one that is deployed: dropping the auxiliary branch, and folding batch norms and RepConv
 * branches into single convolutions. Both keep the lead output.
 */
import { Conv2d, noGrad, scope, type BatchNorm2d, type Tensor } from "@yolov9/torch";
import { Conv } from "./blocks/conv.js";
import { REP_CONV_KERNEL, RepConv } from "./blocks/rep-conv.js";
import { buildModel, type DetectionModel } from "./detection-model.js";
import { withoutAuxiliary } from "./spec.js";

/**
 * A new model without the auxiliary section, with copies of the weights, in the same mode, precision and place. The given model
 * is left as it is and nothing is shared.
 */
export function detachAuxiliary(model: DetectionModel): DetectionModel {
  const deploy = buildModel(withoutAuxiliary(model.spec), { names: model.names });
  if (model.fused) fuse(deploy);
  const { dtype, device } = model.parameters()[0]![1];
  deploy.to({ dtype, device });
  const kept = deploy.stateDict();
  deploy.loadStateDict(new Map([...model.stateDict()].filter(([path]) => kept.has(path))));
  return deploy.train(model.training);
}

/**
 * Folds every batch norm into its convolution and the two branches of every RepConv into one 3×3 convolution, in place, and
 * leaves the model in evaluation mode: W' = W · γ / √(var + ε), b' = β − mean · γ / √(var + ε). Works in float64, stores in the
 * model's precision.
 * @returns the same model
 */
export function fuse(model: DetectionModel): DetectionModel {
  noGrad(() => {
    for (const [, module] of model.modules()) if (module instanceof RepConv) scope(() => fuseRepConv(module));
    for (const [, module] of model.modules()) if (module instanceof Conv) scope(() => fuseConv(module));
  });
  model.eval();
  model.fused = true;
  return model;
}

/** A convolution with bias, in float64. */
interface Affine {
  /** [out, in / groups, k, k] */
  readonly weight: Tensor;
  /** [out] */
  readonly bias: Tensor;
}

function fuseConv(block: Conv): void {
  const { conv, norm } = block;
  if (norm === undefined) return;
  block.conv = convolutionLike(conv, folded(conv, norm));
  block.norm = undefined;
  conv.dispose();
  norm.dispose();
}

function fuseRepConv(block: RepConv): void {
  const { spatial, pointwise } = block;
  if (spatial === undefined || pointwise === undefined) return;
  const wide = folded(spatial.conv, spatial.norm!);
  const narrow = folded(pointwise.conv, pointwise.norm!);
  const border = (REP_CONV_KERNEL - 1) / 2;
  const centred = narrow.weight.constant_pad_nd([border, border, border, border]);
  block.fused = convolutionLike(spatial.conv, {
    weight: wide.weight.add(centred),
    bias: wide.bias.add(narrow.bias),
  });
  block.spatial = undefined;
  block.pointwise = undefined;
  spatial.dispose();
  pointwise.dispose();
}

function folded(conv: Conv2d, norm: BatchNorm2d): Affine {
  const wide = (tensor: Tensor): Tensor => tensor.to({ dtype: "float64" });
  const gain = wide(norm.weight).div(wide(norm.running_var).add(norm.eps).sqrt());
  const shift = wide(norm.bias).sub(wide(norm.running_mean).mul(gain));
  return {
    weight: wide(conv.weight).mul(gain.view([-1, 1, 1, 1])),
    bias: conv.bias === undefined ? shift : shift.add(wide(conv.bias).mul(gain)),
  };
}

/** A convolution with the other's geometry, precision and place, and these weights. */
function convolutionLike(conv: Conv2d, { weight, bias }: Affine): Conv2d {
  const { kernel, stride, padding, dilation, groups } = conv;
  const [out, inGroup] = conv.weight.shape;
  const result = new Conv2d(inGroup! * groups, out!, kernel, { stride, padding, dilation, groups, bias: true });
  result.to({ dtype: conv.weight.dtype, device: conv.weight.device });
  result.weight.copy_(weight);
  result.bias!.copy_(bias);
  return result;
}
