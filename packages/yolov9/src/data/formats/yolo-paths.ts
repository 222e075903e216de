/** Where the labels of an image lie in YOLO's layout. */

import { extname, isAbsolute, join, relative, sep } from "node:path";

/** …/images/a/x.jpg → …/labels/a/x.txt (the last "images" counts); without an images folder, beside the image. */
export function labelPath(image: string): string {
  const stem = image.slice(0, image.length - extname(image).length);
  const marker = `${sep}images${sep}`;
  const at = stem.lastIndexOf(marker);
  if (at < 0) return `${stem}.txt`;
  return `${stem.slice(0, at)}${sep}labels${sep}${stem.slice(at + marker.length)}.txt`;
}

/** Where an image's labels lie in a label folder of its own: at its path from the root, without the last folder "images". */
export function labelPathIn(labels: string, image: string, root: string): string {
  const inside = relative(root, image);
  const steps = (inside.startsWith("..") || isAbsolute(inside) ? image : inside).split(sep);
  const at = steps.lastIndexOf("images");
  const outside = inside.startsWith("..") || isAbsolute(inside);
  const kept = outside ? steps.slice(at < 0 ? -1 : at + 1) : steps.filter((_, index) => index !== at);
  const path = join(labels, ...kept);
  return `${path.slice(0, path.length - extname(path).length)}.txt`;
}
