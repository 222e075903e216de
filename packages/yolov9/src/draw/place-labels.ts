/** Where the labels of boxes go, so that they cover each other and neighbouring objects as little as can be. Geometry only. */

/** In pixels. */
export interface Rectangle {
  readonly x: number;
  readonly y: number;
  readonly width: number;
  readonly height: number;
}

export interface LabelledBox {
  readonly box: Rectangle;
  /** Size of its label. */
  readonly width: number;
  readonly height: number;
}

/** What a pixel costs that a label covers: of another label, of another object, of its own object. */
const COST = { label: 10, neighbour: 1, own: 0.25 };
/** What the next best place costs, as a share of the label's area: among equals the first is taken. */
const ORDER_COST = 0.02;

/**
 * @param boxes in the order in which they may choose; a label only gives way to those before it
 * @param picture labels stay inside, as far as they are not larger
 * @param gap between a box and a label beside it
 * @returns the place of each label
 */
export function placeLabels(
  boxes: readonly LabelledBox[],
  picture: { readonly width: number; readonly height: number },
  gap: number,
): Rectangle[] {
  const placed: Rectangle[] = [];
  for (const [index, labelled] of boxes.entries()) {
    const area = labelled.width * labelled.height;
    let best: { place: Rectangle; cost: number } | undefined;
    for (const [order, candidate] of candidates(labelled, gap).entries()) {
      const place = inside({ ...candidate, width: labelled.width, height: labelled.height }, picture);
      const cost = order * ORDER_COST * area + covered(place, placed, boxes, index);
      if (best === undefined || cost < best.cost) best = { place, cost };
    }
    placed.push(best!.place);
  }
  return placed;
}

/** Above the box, in its upper corners, below it, in its lower corners, beside it, and further above and below. */
function candidates({ box, width, height }: LabelledBox, gap: number): { x: number; y: number }[] {
  const [left, right] = [box.x - gap, box.x + box.width + gap - width];
  const [above, below] = [box.y - gap - height, box.y + box.height + gap];
  const [top, bottom] = [box.y + gap, box.y + box.height - gap - height];
  const [before, after] = [box.x - gap - width, box.x + box.width + gap];
  const corners = (y: number) => [left, right].map((x) => ({ x, y }));
  const inner = (y: number) => [box.x + gap, box.x + box.width - gap - width].map((x) => ({ x, y }));
  const sides = [top, bottom].flatMap((y) => [after, before].map((x) => ({ x, y })));
  const farther = [1, 2].flatMap((steps) => [...corners(above - steps * height), ...corners(below + steps * height)]);
  return [...corners(above), ...inner(top), ...corners(below), ...inner(bottom), ...sides, ...farther];
}

function inside(place: Rectangle, picture: { readonly width: number; readonly height: number }): Rectangle {
  const x = Math.max(0, Math.min(place.x, picture.width - place.width));
  const y = Math.max(0, Math.min(place.y, picture.height - place.height));
  return { ...place, x, y };
}

/** Cost of what a label at this place would cover. */
function covered(place: Rectangle, labels: readonly Rectangle[], boxes: readonly LabelledBox[], own: number): number {
  const ofLabels = labels.reduce((sum, label) => sum + overlap(place, label), 0);
  const ofObjects = boxes.reduce(
    (sum, { box }, index) => sum + overlap(place, box) * (index === own ? COST.own : COST.neighbour),
    0,
  );
  return COST.label * ofLabels + ofObjects;
}

/** Pixels that two rectangles share. */
export function overlap(a: Rectangle, b: Rectangle): number {
  const width = Math.min(a.x + a.width, b.x + b.width) - Math.max(a.x, b.x);
  const height = Math.min(a.y + a.height, b.y + b.height) - Math.max(a.y, b.y);
  return width > 0 && height > 0 ? width * height : 0;
}
