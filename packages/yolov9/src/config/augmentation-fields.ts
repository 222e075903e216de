/**
 * The strengths of augmentation as configuration: keys of `train` and `data preview`. The defaults are the published recipe's
 * ("scratch-high"); what the recipe leaves off is 0. What each key does to pixels and boxes is in data/augment.
 */
import { z } from "zod";

const fraction = (value: number, description: string) => z.number().min(0).max(1).default(value).describe(description);

/** From here on a corner of a mosaic at 640 pixels lies behind the horizon. */
const LARGEST_PERSPECTIVE = 0.001;

export const augmentationFields = {
  // Which pictures make an image
  mosaic: fraction(1, "share of the images that are mosaics"),
  mosaic9: fraction(0, "share of the mosaics that are made of nine images instead of four"),
  copyPaste: fraction(
    0.3,
    "share of a mosaic's outlined objects that are pasted once more, mirrored, where there is room",
  ),
  mixup: fraction(0.15, "share of the mosaics blended with another mosaic"),

  // Geometry
  degrees: z.number().min(0).max(180).default(0).describe("rotation up to these degrees either way"),
  translate: fraction(0.1, "shift up to this fraction of the size"),
  scale: z.number().min(0).lt(1).default(0.9).describe("scaling between 1 - scale and 1 + scale"),
  shear: z.number().min(0).lt(90).default(0).describe("shear up to these degrees"),
  perspective: z
    .number()
    .min(0)
    .max(LARGEST_PERSPECTIVE)
    .default(0)
    .describe("largest perspective coefficient a pixel; 0.0005 at 640 px is a lot"),
  flipud: fraction(0, "share of the images flipped upside down"),
  fliplr: fraction(0.5, "share of the images mirrored left to right"),

  // Colour
  hsvH: fraction(0.015, "hue jitter"),
  hsvS: fraction(0.7, "saturation jitter"),
  hsvV: fraction(0.4, "brightness jitter"),

  // Worse cameras; the order is the one in which they act
  blur: fraction(0, "share of the images that are blurred"),
  median: fraction(0, "share of the images that go through a median filter"),
  grey: fraction(0, "share of the images that lose their colours"),
  clahe: fraction(0, "share of the images whose contrast is equalised locally (CLAHE)"),
  gamma: fraction(0, "share of the images with changed gamma"),
  lowLight: fraction(0, "share of the images that are underexposed"),
  noise: fraction(0, "share of the images with sensor noise"),
  jpeg: fraction(0, "share of the images that are compressed as JPEG once more"),
  erasing: fraction(0, "share of the images of which rectangles are erased"),
};

/** Only the strengths: parsing any configuration that has them leaves the other keys out. */
export const AugmentConfig = z.object(augmentationFields);

export type AugmentConfig = z.output<typeof AugmentConfig>;

/** The published recipe. */
export const defaultAugment: AugmentConfig = AugmentConfig.parse({});

/** How a run groups its images into batches, and when it stops making mosaics. */
export const batchFields = {
  closeMosaic: z.int().min(0).default(15).describe("last epochs without mosaic, mixup and copy-paste"),
  multiScale: z
    .number()
    .min(0)
    .lt(1)
    .default(0)
    .describe("size of each batch up to this fraction above or below imgsz, in steps of 32 pixels; 0.5 is usual"),
  rect: z
    .boolean()
    .default(false)
    .describe("batches of like aspect ratio, as narrow as their images allow, and without mosaic"),
};
