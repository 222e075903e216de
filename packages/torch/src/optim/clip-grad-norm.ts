// Gradient clipping by total norm.
import { noGrad } from "../autograd.js";
import { callOperator } from "../dispatch.js";
import { stack } from "../operators.generated.js";
import { scope } from "../scope.js";
import type { Tensor } from "../tensor.js";

/**
 * Scales all gradients so that their joint L2 norm is at most `maxNorm`, in place.
 * @returns the norm before scaling
 */
export function clipGradNorm(parameters: readonly Tensor[], maxNorm: number): number {
  return noGrad(() =>
    scope(() => {
      const gradients = parameters.map((parameter) => parameter.grad).filter((gradient) => gradient !== undefined);
      if (gradients.length === 0) return 0;
      const norms = callOperator("aten::_foreach_norm", "Scalar", [gradients, 2]) as Tensor[];
      const total = stack(norms).norm().item();
      // 1e-6 as in torch.nn.utils.clip_grad_norm_
      const factor = maxNorm / (total + 1e-6);
      if (factor < 1) callOperator("aten::_foreach_mul_", "Scalar", [gradients, factor]);
      return total;
    }),
  );
}
