import type { DetectionLoss } from "../loss/index.js";
import { DeviceTrainingStep } from "./device-training-step.js";
import { HostTrainingStep, type Trained, type TrainingStep } from "./training-step.js";

/**
 * The way to do training steps on a model's device.
 * @param note is told what a person should know of it
 */
export function openTrainingStep(trained: Trained, loss: DetectionLoss, note: (line: string) => void): TrainingStep {
  return trained.device === "cpu" ? new HostTrainingStep(trained, loss) : new DeviceTrainingStep(trained, loss, note);
}
