/**
 * What makes an ELAN: a chain of stages whose every output is kept. ELAN1 and GELAN differ in their stages alone.
 */
import { concatFeatures, type Tensor } from "@yolov9/torch";

/** Two halves of the channels, and the outputs of a chain of stages that starts from the second: side by side. */
export function aggregate(split: Tensor, stages: readonly FeatureStage[]): Tensor {
  const [bypass, chained] = split.chunk(2, 1) as [Tensor, Tensor];
  const outputs = [bypass];
  let last = chained;
  for (const stage of stages) {
    const [next, kept] = stage.pass(last);
    outputs.push(kept);
    last = next;
  }
  return concatFeatures([...outputs, last]);
}

interface FeatureStage {
  pass(x: Tensor): [output: Tensor, input: Tensor];
}
