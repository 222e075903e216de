// What the demo reads of the files and outputs that the commands leave. Only the fields that the report shows are named.

import { z } from "zod";

const Losses = z.object({ box: z.number(), cls: z.number(), dfl: z.number() });

/** results.json of a run: one row an epoch. */
export const Results = z.array(
  z.object({
    train: Losses,
    val: Losses.optional(),
    metrics: z.object({ AP50: z.number(), AP: z.number() }).optional(),
    imagesPerSecond: z.number(),
    trainSeconds: z.number(),
    valSeconds: z.number(),
  }),
);
export type Results = z.output<typeof Results>;

/** `yolov9 val --json` */
export const Validated = z.object({
  AP50: z.number(),
  AP: z.number(),
  precision: z.number(),
  recall: z.number(),
  images: z.number(),
  perClass: z.array(z.object({ name: z.string(), instances: z.number(), AP50: z.number(), AP: z.number() })),
});
export type Validated = z.output<typeof Validated>;

const Difference = z.object({ box: z.number(), score: z.number() });

/** `yolov9 export --json` */
export const Exported = z.object({ bytes: z.number(), fusing: Difference, runtime: Difference });
export type Exported = z.output<typeof Exported>;

/** `yolov9 detect --json` */
export const Detected = z.array(
  z.object({
    path: z.string(),
    width: z.number(),
    height: z.number(),
    milliseconds: z.object({ preprocess: z.number(), inference: z.number(), nms: z.number() }),
    detections: z.array(
      z.object({ class: z.number(), name: z.string(), score: z.number(), box: z.array(z.number()).length(4) }),
    ),
  }),
);
export type Detected = z.output<typeof Detected>;

/** `yolov9 info MODEL --json` */
export const Profile = z.object({ parameters: z.object({ training: z.number(), deploy: z.number() }) });
export type Profile = z.output<typeof Profile>;
