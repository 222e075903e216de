/** What a test asks a page or worker to do with the Detector, and what it answers. Types only: tests in Node read them too. */
import type { Detection, DetectOptions, LoadOptions } from "@yolov9/runtime";

export interface Job {
  /** Address of the model. */
  readonly model: string;
  readonly load?: LoadOptions;
  /** Addresses of the pictures. */
  readonly pictures: readonly string[];
  readonly detect?: DetectOptions;
  /** How every picture reaches the Detector, one time each. Default: by its address. */
  readonly as?: readonly ("address" | "blob" | "bytes" | "bitmap")[];
}

export interface JobResult {
  readonly isolated: boolean;
  /** Workers that ONNX Runtime started for its threads. */
  readonly threadWorkers: number;
  /** Of each picture, each way. */
  readonly found: readonly (readonly Detection[])[];
}
