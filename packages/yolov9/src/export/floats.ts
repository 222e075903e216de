/** A tensor's numbers on this side of the bridge as float32, whatever its own precision. */
import type { Tensor } from "@yolov9/torch";

export function floats(values: Tensor): Float32Array {
  const data = values.toArray();
  return data instanceof Float32Array ? data : Float32Array.from(data, Number);
}
