/** What page and worker tell one another. */
import type { Detection } from "@yolov9/runtime";

/** A picture to look at, for the worker. */
export type Request = Blob;

/** For the page: the model is there, a picture's boxes, or what went wrong. */
export type Reply =
  | { readonly kind: "ready"; readonly names: readonly string[] }
  | {
      readonly kind: "found";
      readonly picture: Blob;
      readonly found: readonly Detection[];
      readonly milliseconds: number;
    }
  | { readonly kind: "failed"; readonly message: string };
