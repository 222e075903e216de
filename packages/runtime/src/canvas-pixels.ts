/**
 * Pixels of what a canvas can draw. A canvas keeps colours multiplied by their alpha, so what is transparent loses its colour there; such
 * pictures go through a texture instead, which keeps them as the file has them and as training and the Detector of Node see them.
 */

import { rgbFromPixels, type RgbImage } from "@yolov9/vision";

/** ImageData, which has the shape of RGBA pixels but no channel count. */
export interface CanvasPixels {
  readonly data: Uint8ClampedArray;
  readonly width: number;
  readonly height: number;
}

/** Whatever a canvas can draw: ImageBitmap, image, canvas, video frame. Its size in pixels is under one of these names. */
export interface Drawable {
  readonly width?: unknown;
  readonly height?: unknown;
  readonly naturalWidth?: number;
  readonly naturalHeight?: number;
  readonly videoWidth?: number;
  readonly videoHeight?: number;
  readonly displayWidth?: number;
  readonly displayHeight?: number;
}

interface Bitmap extends Drawable {
  readonly width: number;
  readonly height: number;
  close(): void;
}

/** What is used of a WebGL context. */
interface Gl {
  readonly TEXTURE_2D: number;
  readonly RGBA: number;
  readonly UNSIGNED_BYTE: number;
  readonly FRAMEBUFFER: number;
  readonly COLOR_ATTACHMENT0: number;
  readonly NO_ERROR: number;
  createTexture(): object | null;
  createFramebuffer(): object | null;
  bindTexture(target: number, texture: object | null): void;
  bindFramebuffer(target: number, framebuffer: object | null): void;
  texImage2D(target: number, level: number, internal: number, format: number, type: number, image: Bitmap): void;
  framebufferTexture2D(target: number, at: number, kind: number, texture: object | null, level: number): void;
  readPixels(x: number, y: number, w: number, h: number, format: number, type: number, into: Uint8Array): void;
  getError(): number;
  getExtension(name: "WEBGL_lose_context"): { loseContext(): void } | null;
}

// The few names of the browser that are used, declared here so that this package compiles without the DOM's types.
declare class OffscreenCanvas {
  constructor(width: number, height: number);
  getContext(kind: "2d", settings: { willReadFrequently: boolean }): Context2d | null;
  getContext(kind: "webgl2"): Gl | null;
}
interface Context2d {
  drawImage(image: Drawable, x: number, y: number, width: number, height: number): void;
  getImageData(x: number, y: number, width: number, height: number): CanvasPixels;
}
declare function createImageBitmap(
  image: Blob | Drawable,
  options: { colorSpaceConversion: "none"; premultiplyAlpha?: "none" },
): Promise<Bitmap>;

/** Pixels of a picture file as the browser shows it, EXIF orientation applied; alpha is dropped and a colour profile ignored. */
export async function pixelsOfFile(file: Blob): Promise<RgbImage> {
  const bitmap = await createImageBitmap(file, { colorSpaceConversion: "none" });
  try {
    return await pixelsOf(bitmap, file);
  } finally {
    bitmap.close();
  }
}

/**
 * Pixels of what a canvas can draw; alpha is dropped.
 * @param source where colours under alpha are to be had, when it is not the picture itself
 * @throws Error when the picture has no size, or the browser no canvas
 */
export async function pixelsOf(picture: Drawable, source: Blob | Drawable = picture): Promise<RgbImage> {
  const drawn = draw(picture);
  const opaque = isOpaque(drawn.data);
  const data = opaque ? drawn.data : ((await straightPixels(source, drawn)) ?? drawn.data);
  return rgbFromPixels({ data, width: drawn.width, height: drawn.height, channels: 4 });
}

function draw(image: Drawable): CanvasPixels {
  const width = image.naturalWidth ?? image.videoWidth ?? image.displayWidth ?? Number(image.width);
  const height = image.naturalHeight ?? image.videoHeight ?? image.displayHeight ?? Number(image.height);
  if (!(width > 0 && height > 0)) {
    throw new Error(
      "the image has no size: wait until it has loaded, or pass pixels { data, width, height, channels }",
    );
  }
  const context = new OffscreenCanvas(width, height).getContext("2d", { willReadFrequently: true });
  if (context === null) throw new Error("this browser gives no 2d canvas to read pixels with");
  context.drawImage(image, 0, 0, width, height);
  return context.getImageData(0, 0, width, height);
}

/** @param rgba of a picture */
function isOpaque(rgba: Uint8ClampedArray): boolean {
  for (let i = 3; i < rgba.length; i += 4) if (rgba[i] !== 255) return false;
  return true;
}

/** RGBA with colours as they were before alpha; undefined where there is no WebGL, or the picture is too large for it. */
async function straightPixels(
  source: Blob | Drawable,
  { width, height }: CanvasPixels,
): Promise<Uint8Array | undefined> {
  const gl = new OffscreenCanvas(1, 1).getContext("webgl2");
  if (gl === null) return undefined;
  const bitmap = await createImageBitmap(source, { colorSpaceConversion: "none", premultiplyAlpha: "none" });
  try {
    return bitmap.width === width && bitmap.height === height ? throughTexture(gl, bitmap) : undefined;
  } finally {
    bitmap.close();
    gl.getExtension("WEBGL_lose_context")?.loseContext();
  }
}

function throughTexture(gl: Gl, bitmap: Bitmap): Uint8Array | undefined {
  const { width, height } = bitmap;
  const texture = gl.createTexture();
  gl.bindTexture(gl.TEXTURE_2D, texture);
  gl.texImage2D(gl.TEXTURE_2D, 0, gl.RGBA, gl.RGBA, gl.UNSIGNED_BYTE, bitmap);
  gl.bindFramebuffer(gl.FRAMEBUFFER, gl.createFramebuffer());
  gl.framebufferTexture2D(gl.FRAMEBUFFER, gl.COLOR_ATTACHMENT0, gl.TEXTURE_2D, texture, 0);
  const rgba = new Uint8Array(width * height * 4);
  gl.readPixels(0, 0, width, height, gl.RGBA, gl.UNSIGNED_BYTE, rgba);
  return gl.getError() === gl.NO_ERROR ? rgba : undefined;
}
