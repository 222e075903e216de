/** Cutting of polygons with half-planes and rectangles (Sutherland and Hodgman 1974). Rings are x y x y …, closed by themselves. */

export type Ring = readonly number[] | Float32Array;

/** Half-open or not does not matter here: edges, in any unit. */
export interface Rectangle {
  readonly left: number;
  readonly top: number;
  readonly right: number;
  readonly bottom: number;
}

/** The part of a polygon within a rectangle; empty when there is none. */
export function clipToRectangle(ring: Ring, { left, top, right, bottom }: Rectangle): Ring {
  return clipBelow(clipBelow(clipBelow(clipBelow(ring, 1, 0, right), -1, 0, -left), 0, 1, bottom), 0, -1, -top);
}

/** The part of a polygon where normalX * x + normalY * y <= limit. A ring that lies there wholly comes back as it is. */
export function clipBelow(ring: Ring, normalX: number, normalY: number, limit: number): Ring {
  let outside = false;
  for (let i = 0; i < ring.length; i += 2) outside ||= normalX * ring[i]! + normalY * ring[i + 1]! > limit;
  if (!outside) return ring;
  const clipped: number[] = [];
  let lastX = ring[ring.length - 2]!;
  let lastY = ring[ring.length - 1]!;
  let lastExcess = normalX * lastX + normalY * lastY - limit;
  for (let i = 0; i < ring.length; i += 2) {
    const x = ring[i]!;
    const y = ring[i + 1]!;
    const excess = normalX * x + normalY * y - limit;
    if (excess > 0 !== lastExcess > 0) {
      const share = lastExcess / (lastExcess - excess);
      clipped.push(lastX + (x - lastX) * share, lastY + (y - lastY) * share);
    }
    if (excess <= 0) clipped.push(x, y);
    [lastX, lastY, lastExcess] = [x, y, excess];
  }
  return clipped;
}

/** Smallest rectangle around all points, or undefined when it has no area. */
export function boundsOf(rings: readonly Ring[]): Rectangle | undefined {
  let [left, top, right, bottom] = [Infinity, Infinity, -Infinity, -Infinity];
  for (const ring of rings) {
    for (let i = 0; i < ring.length; i += 2) {
      left = Math.min(left, ring[i]!);
      right = Math.max(right, ring[i]!);
      top = Math.min(top, ring[i + 1]!);
      bottom = Math.max(bottom, ring[i + 1]!);
    }
  }
  return right > left && bottom > top ? { left, top, right, bottom } : undefined;
}

export function rectangleArea({ left, top, right, bottom }: Rectangle): number {
  return (right - left) * (bottom - top);
}
