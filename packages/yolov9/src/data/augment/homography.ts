/**
 * Maps of the plane as 3 x 3 matrices: composed, inverted, and turned from the pixels' convention into that of edges.
 *
 * Two coordinates meet here. Pixels are sampled with OpenCV's convention, whole numbers at pixel centres; annotations are pixel edges,
 * whole numbers between pixels. Annotations therefore go through the map half a pixel shifted, so that they stay on their pixels at any scale.
 */

/** Row-major; a point goes to ((a x + b y + c) / w, (d x + e y + f) / w) with w = g x + h y + i. */
export type Homography = readonly [
  a: number, b: number, c: number,
  d: number, e: number, f: number,
  g: number, h: number, i: number,
]; // prettier-ignore

export function affine(a: number, b: number, c: number, d: number, e: number, f: number): Homography {
  return [a, b, c, d, e, f, 0, 0, 1];
}

export function translation(x: number, y: number): Homography {
  return affine(1, 0, x, 0, 1, y);
}

/** Whether lines stay parallel, so that no point needs a division. */
export function isAffine([, , , , , , g, h, i]: Homography): boolean {
  return g === 0 && h === 0 && i === 1;
}

/** Whether rows stay rows. */
export function isLevel(map: Homography): boolean {
  return isAffine(map) && map[1] === 0 && map[3] === 0;
}

/** The map that does the last of `maps` first, as matrices are written. */
export function compose(...maps: Homography[]): Homography {
  return maps.reduce(multiply);
}

function multiply(left: Homography, right: Homography): Homography {
  const [a, b, c, d, e, f, g, h, i] = left;
  const [j, k, l, m, n, o, p, q, r] = right;
  return [
    a * j + b * m + c * p, a * k + b * n + c * q, a * l + b * o + c * r,
    d * j + e * m + f * p, d * k + e * n + f * q, d * l + e * o + f * r,
    g * j + h * m + i * p, g * k + h * n + i * q, g * l + h * o + i * r,
  ]; // prettier-ignore
}

/** The way back. Points that come from before the horizon of `map` have a positive third coordinate in it. */
export function invert([a, b, c, d, e, f, g, h, i]: Homography): Homography {
  const determinant = a * (e * i - f * h) - b * (d * i - f * g) + c * (d * h - e * g);
  return [
    (e * i - f * h) / determinant, (c * h - b * i) / determinant, (b * f - c * e) / determinant,
    (f * g - d * i) / determinant, (a * i - c * g) / determinant, (c * d - a * f) / determinant,
    (d * h - e * g) / determinant, (b * g - a * h) / determinant, (a * e - b * d) / determinant,
  ]; // prettier-ignore
}

const HALF_LEFT = translation(-0.5, -0.5);
const HALF_RIGHT = translation(0.5, 0.5);

/** The same map for edges, as the file's head explains. */
export function edgeMap(map: Homography): Homography {
  return compose(HALF_RIGHT, map, HALF_LEFT);
}

/** From pixel centres of a picture of `width` x `height` pixels to those of the same picture at another size. */
export function resizeMap(width: number, height: number, newWidth: number, newHeight: number): Homography {
  const scaleX = newWidth / width;
  const scaleY = newHeight / height;
  return affine(scaleX, 0, scaleX / 2 - 0.5, 0, scaleY, scaleY / 2 - 0.5);
}
