/**
 * Gathers what a validation run finds: per image the suppressed boxes in source pixels next to the objects that are there, until
 * `measure` turns them into figures. It sees predictions batch by batch and keeps only the boxes.
 */
import {
  detectionMetrics,
  type DetectionMetrics,
  evaluateBoxes,
  fromLetterbox,
  type ImageDetections,
  type LetterboxGeometry,
} from "@yolov9/vision";
import { classNameOf } from "../class-name.js";
import type { Sample } from "../data/sample.js";
import { imageDetections, type SuppressionOptions } from "./image-detections.js";
import type { Predictions } from "./predictor.js";
import type { ClassResult, ValidationResult } from "./result.js";

export class DetectionCollector {
  readonly samples: Sample[] = [];
  /** One entry a sample, boxes x1 y1 x2 y2 in pixels of the source image. */
  readonly detections: ImageDetections[] = [];
  readonly #options: SuppressionOptions & { readonly classCount: number };
  #metrics: DetectionMetrics | undefined;

  constructor(options: SuppressionOptions & { readonly classCount: number }) {
    this.#options = options;
  }

  /**
   * @param samples of the batch, in its order
   * @param geometries how each sample was letterboxed
   */
  add(predictions: Predictions, samples: readonly Sample[], geometries: readonly LetterboxGeometry[]): void {
    this.#metrics = undefined;
    for (const [i, sample] of samples.entries()) {
      const { boxes, scores, classes } = imageDetections(predictions, i, this.#options);
      this.samples.push(sample);
      this.detections.push({
        boxes: fromLetterbox(boxes, geometries[i]!, sample.width, sample.height),
        scores,
        classes,
      });
    }
  }

  /** Precision, recall and F1 of what is gathered so far, with their curves; computed once. */
  get metrics(): DetectionMetrics {
    return (this.#metrics ??= detectionMetrics(this.samples, this.detections));
  }

  /** Everything but losses and speed. Crowds excuse detections that lie on them and are never counted as missed. */
  measure(names: readonly string[]): Omit<ValidationResult, "losses" | "speed"> {
    const coco = evaluateBoxes(this.samples, this.detections);
    const atBestF1 = this.metrics;
    const cocoOf = new Map(coco.perClass.map((figures) => [figures.classId, figures]));
    const imagesOf = this.#imagesOfClasses();
    const perClass = atBestF1.perClass.map(({ classId, objects, precision, recall, f1 }): ClassResult => {
      const { AP50 = 0, AP = 0 } = cocoOf.get(classId) ?? {};
      const name = classNameOf(names, classId);
      return { name, images: imagesOf.get(classId) ?? 0, instances: objects, precision, recall, f1, AP50, AP };
    });
    const { AP, AP50, AP75, APs, APm, APl, AR1, AR10, AR100, ARs, ARm, ARl, objects: objectsBySize } = coco;
    const figures = { AP, AP50, AP75, APs, APm, APl, AR1, AR10, AR100, ARs, ARm, ARl };
    const { precision, recall, f1, confidence, objects: instances } = atBestF1;
    const images = this.samples.length;
    return { ...figures, precision, recall, f1, confidence, perClass, images, instances, objectsBySize };
  }

  /** In how many images each class occurs, crowds not counted. */
  #imagesOfClasses(): Map<number, number> {
    const counts = new Map<number, number>();
    for (const { classes, crowd } of this.samples) {
      for (const classId of new Set(classes.filter((_, i) => crowd[i] !== 1))) {
        counts.set(classId, (counts.get(classId) ?? 0) + 1);
      }
    }
    return counts;
  }
}
