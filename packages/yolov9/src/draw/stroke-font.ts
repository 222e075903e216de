/**
 * A single-line font for labels: every printable ASCII character as an SVG path, drawn for this project. Text becomes lines, so
 * an annotated image looks the same on a machine without any font installed. Not a typesetter: one line, no kerning.
 */

/** Height of capitals in font units; descenders reach 2 units below. */
const CAP_HEIGHT = 6;
const LETTER_SPACING = 1.7;
const SPACE_WIDTH = 1.2;
const FULL_WIDTH = 6.5;

const BOWL_LEFT = "C.4 2.3 .8 2 1.4 2C2.4 2 3 2.9 3 4S2.4 6 1.4 6C.8 6 .4 5.7 0 4.8";
const BOWL_RIGHT = "C2.6 2.3 2.2 2 1.6 2C.6 2 0 2.9 0 4S.6 6 1.6 6C2.2 6 2.6 5.7 3 4.8";
const ROUND = "M2.2 0C.8 0 0 1.2 0 3S.8 6 2.2 6S4.4 4.8 4.4 3S3.6 0 2.2 0Z";
const OPEN_ROUND = "M4 1C3.4 .3 2.8 0 2.2 0C.8 0 0 1.2 0 3S.8 6 2.2 6";

/** Width and path of each glyph; y grows downwards, 0 is the top of capitals and 6 the baseline. */
const GLYPHS: Readonly<Record<string, readonly [width: number, path: string]>> = {
  A: [4, "M0 6L2 0L4 6M.7 4H3.3"],
  B: [3.8, "M0 0V6H2.3C4.3 6 4.3 3 2.3 3H0H2C3.8 3 3.8 0 2 0Z"],
  C: [4, `${OPEN_ROUND}C2.8 6 3.4 5.7 4 5`],
  D: [4.1, "M0 0V6H1.6C5 6 5 0 1.6 0Z"],
  E: [3.4, "M3.4 0H0V6H3.4M0 3H2.8"],
  F: [3.4, "M3.4 0H0V6M0 3H2.8"],
  G: [4, `${OPEN_ROUND}C3 6 3.6 5.7 4 5.2V3.2H2.5`],
  H: [4, "M0 0V6M4 0V6M0 3H4"],
  I: [0, "M0 0V6"],
  J: [2.6, "M2.6 0V4.4C2.6 6.5 0 6.5 0 4.6"],
  K: [3.8, "M0 0V6M3.6 0L0 3.8M1.3 2.6L3.8 6"],
  L: [3.2, "M0 0V6H3.2"],
  M: [4.6, "M0 6V0L2.3 4.2L4.6 0V6"],
  N: [4, "M0 6V0L4 6V0"],
  O: [4.4, ROUND],
  P: [3.7, "M0 6V0H2C4.3 0 4.3 3.4 2 3.4H0"],
  Q: [4.4, `${ROUND}M2.8 4.4L4.4 6.4`],
  R: [3.8, "M0 6V0H2C4.3 0 4.3 3.4 2 3.4H0M2 3.4L3.8 6"],
  S: [3.6, "M3.5 1C3 .3 2.4 0 1.8 0C.8 0 .1 .6 .1 1.5C.1 3.4 3.6 2.6 3.6 4.5C3.6 5.4 2.8 6 1.8 6C1.1 6 .5 5.7 0 5"],
  T: [4, "M0 0H4M2 0V6"],
  U: [4, "M0 0V3.8C0 6.7 4 6.7 4 3.8V0"],
  V: [4, "M0 0L2 6L4 0"],
  W: [5.6, "M0 0L1.4 6L2.8 1L4.2 6L5.6 0"],
  X: [3.8, "M0 0L3.8 6M3.8 0L0 6"],
  Y: [4, "M0 0L2 3L4 0M2 3V6"],
  Z: [4, "M.2 0H3.8L0 6H4"],
  a: [3, `M3 2V6M3 3.2${BOWL_RIGHT}`],
  b: [3, `M0 0V6M0 3.2${BOWL_LEFT}`],
  c: [2.9, "M2.9 2.7C2.5 2.2 2.1 2 1.6 2C.6 2 0 2.9 0 4S.6 6 1.6 6C2.1 6 2.5 5.8 2.9 5.3"],
  d: [3, `M3 0V6M3 3.2${BOWL_RIGHT}`],
  e: [3, "M.1 4H3C3 2.7 2.5 2 1.6 2C.6 2 0 2.9 0 4S.6 6 1.7 6C2.2 6 2.6 5.8 2.9 5.3"],
  f: [2.1, "M2.2 .2C1.2 -.2 .8 .4 .8 1.2V6M0 2H2"],
  g: [3, `M3 2V6.2C3 8.3 .9 8.3 .2 7.5M3 3.2${BOWL_RIGHT}`],
  h: [3, "M0 0V6M0 3.4C.5 2.4 1 2 1.7 2C2.6 2 3 2.6 3 3.5V6"],
  i: [0, "M0 2V6M0 .3h.01"],
  j: [0.9, "M.9 2V6.8C.9 7.8 .5 8 0 7.9M.9 .3h.01"],
  k: [2.9, "M0 0V6M2.7 2L0 4.5M1.1 3.6L2.9 6"],
  l: [0, "M0 0V6"],
  m: [4.8, "M0 2V6M0 3.4C.4 2.4 .9 2 1.4 2C2.1 2 2.4 2.5 2.4 3.3V6M2.4 3.4C2.8 2.4 3.3 2 3.8 2C4.5 2 4.8 2.5 4.8 3.3V6"],
  n: [3, "M0 2V6M0 3.4C.5 2.4 1 2 1.7 2C2.6 2 3 2.6 3 3.5V6"],
  o: [3.2, "M1.6 2C.6 2 0 2.9 0 4S.6 6 1.6 6S3.2 5.1 3.2 4S2.6 2 1.6 2Z"],
  p: [3, `M0 2V8M0 3.2${BOWL_LEFT}`],
  q: [3, `M3 2V8M3 3.2${BOWL_RIGHT}`],
  r: [1.8, "M0 2V6M0 3.5C.4 2.4 1 1.9 1.8 2.1"],
  s: [2.6, "M2.5 2.6C2.2 2.2 1.8 2 1.3 2C.6 2 .1 2.4 .1 3C.1 4.3 2.6 3.7 2.6 5C2.6 5.6 2 6 1.3 6C.8 6 .3 5.8 0 5.4"],
  t: [2.1, "M.8 .8V4.8C.8 5.8 1.3 6.2 2.1 5.9M0 2H2"],
  u: [3, "M0 2V4.5C0 5.4 .4 6 1.3 6C2 6 2.5 5.6 3 4.6M3 2V6"],
  v: [3, "M0 2L1.5 6L3 2"],
  w: [4.4, "M0 2L1.1 6L2.2 2.6L3.3 6L4.4 2"],
  x: [2.8, "M0 2L2.8 6M2.8 2L0 6"],
  y: [3, "M0 2L1.5 6M3 2L1.2 7C.9 7.8 .5 8 0 7.9"],
  z: [2.8, "M.1 2H2.7L0 6H2.8"],
  "0": [3.4, "M1.7 0C.6 0 0 1.2 0 3S.6 6 1.7 6S3.4 4.8 3.4 3S2.8 0 1.7 0Z"],
  "1": [2.4, "M.4 1.2L2 0V6"],
  "2": [3.4, "M.1 1.5C.2 .5 .9 0 1.7 0C2.6 0 3.2 .6 3.2 1.5C3.2 2.8 1 4 0 6H3.4"],
  "3": [3.4, "M.2 .8C.6 .3 1.1 0 1.7 0C3.6 0 3.6 2.8 1.7 2.8H1.2H1.7C3.9 2.8 3.9 6 1.7 6C1 6 .4 5.7 0 5.1"],
  "4": [3.5, "M2.6 6V0L0 4.3H3.5"],
  "5": [3.4, "M3 0H.5L.3 2.7C.7 2.3 1.2 2.2 1.7 2.2C2.7 2.2 3.4 2.9 3.4 4.1S2.7 6 1.6 6C1 6 .4 5.7 0 5.2"],
  "6": [3.4, "M3 .6C2.6 .2 2.2 0 1.8 0C.6 0 0 1.4 0 3.4C0 5.2 .7 6 1.7 6S3.4 5.2 3.4 4.1S2.7 2.3 1.7 2.3C.9 2.3 .3 2.8 0 3.6"],
  "7": [3.4, "M0 0H3.4L1.2 6"],
  "8": [3.4, "M1.7 2.8C-.2 2.8 -.2 0 1.7 0S3.6 2.8 1.7 2.8C-.5 2.8 -.5 6 1.7 6S3.9 2.8 1.7 2.8Z"],
  "9": [3.4, "M.4 5.4C.8 5.8 1.2 6 1.6 6C2.8 6 3.4 4.6 3.4 2.6C3.4 .8 2.7 0 1.7 0S0 .8 0 1.9S.7 3.7 1.7 3.7C2.5 3.7 3.1 3.2 3.4 2.4"],
  " ": [SPACE_WIDTH, ""],
  "!": [0, "M0 0V4M0 6h.01"],
  '"': [1, "M0 0V1.5M1 0V1.5"],
  "#": [3.4, "M1 .6L.6 5.6M2.8 .6L2.4 5.6M0 2.2H3.4M0 4.2H3.4"],
  $: [3.6, "M3.5 1.3C3 .8 2.4 .6 1.8 .6C.8 .6 .1 1 .1 1.8C.1 3.4 3.6 2.8 3.6 4.3C3.6 5 2.8 5.4 1.8 5.4C1.1 5.4 .5 5.2 0 4.7M1.8 -.4V6.4"],
  "%": [3.8, "M0 6L3.8 0M.9 0C-.2 0 -.2 2.4 .9 2.4S2 0 .9 0ZM2.9 3.6C1.8 3.6 1.8 6 2.9 6S4 3.6 2.9 3.6Z"],
  "&": [4, "M4 6L1 2C.2 .9 .8 0 1.7 0S3 1 2.2 1.9L.8 3C-.6 4.4 .2 6 1.6 6C2.8 6 3.6 5 3.9 3.6"],
  "'": [0, "M0 0V1.5"],
  "(": [1.2, "M1.2 -.4C-.4 1.6 -.4 4.8 1.2 6.8"],
  ")": [1.2, "M0 -.4C1.6 1.6 1.6 4.8 0 6.8"],
  "*": [2.4, "M1.2 .2V3M0 .9L2.4 2.3M2.4 .9L0 2.3"],
  "+": [3, "M0 3.4H3M1.5 1.9V4.9"],
  ",": [0.3, "M.3 5.8L0 7"],
  "-": [2, "M0 3.6H2"],
  ".": [0, "M0 6h.01"],
  "/": [2.4, "M0 6.6L2.4 -.4"],
  ":": [0, "M0 3h.01M0 6h.01"],
  ";": [0.3, "M.3 3h.01M.3 5.8L0 7"],
  "<": [3, "M3 1.4L0 3.4L3 5.4"],
  "=": [3, "M0 2.7H3M0 4.3H3"],
  ">": [3, "M0 1.4L3 3.4L0 5.4"],
  "?": [3, "M0 1.2C.3 -.4 3 -.4 3 1.4C3 2.6 1.5 2.8 1.5 4.2M1.5 6h.01"],
  "@": [5, "M3.6 2.2V4C3.6 5 5 5 5 3.2C5 1.2 4 0 2.5 0C1 0 0 1.4 0 3.2S1 6.4 2.7 6.4M3.6 3C3 1.9 1.4 2.2 1.4 3.3S3 4.6 3.6 3.6"],
  "[": [1, "M1 -.4H0V6.8H1"],
  "\\": [2.4, "M0 -.4L2.4 6.6"],
  "]": [1, "M0 -.4H1V6.8H0"],
  "^": [2.4, "M0 1.6L1.2 0L2.4 1.6"],
  _: [3.4, "M0 7H3.4"],
  "`": [0.8, "M0 0L.8 1"],
  "{": [1.4, "M1.4 -.4C0 -.4 1.2 3.2 0 3.2C1.2 3.2 0 6.8 1.4 6.8"],
  "|": [0, "M0 -.4V6.8"],
  "}": [1.4, "M0 -.4C1.4 -.4 .2 3.2 1.4 3.2C.2 3.2 1.4 6.8 0 6.8"],
  "~": [3, "M0 3.8C.6 2.6 1.1 2.8 1.5 3.4S2.5 4.2 3 3"],
}; // prettier-ignore

/** Whether every character of the text has a glyph. */
export function canStroke(text: string): boolean {
  return Array.from(text).every((character) => Object.hasOwn(GLYPHS, character));
}

/** Width of a text in pixels when its capitals are `capHeight` pixels high. */
export function strokeWidth(text: string, capHeight: number): number {
  const units = Array.from(text).reduce(
    (sum, character) => sum + glyph(character)[0] + LETTER_SPACING,
    -LETTER_SPACING,
  );
  return (Math.max(0, units) * capHeight) / CAP_HEIGHT;
}

/** The text as an SVG group of lines; (x, y) is the top left corner of its first capital, in pixels. */
export function strokeText(text: string, x: number, y: number, capHeight: number, colour: string): string {
  const scale = capHeight / CAP_HEIGHT;
  let cursor = 0;
  const paths: string[] = [];
  for (const character of text) {
    const [width, path] = glyph(character);
    if (path !== "") paths.push(`<path transform="translate(${cursor.toFixed(2)})" d="${path}"/>`);
    cursor += width + LETTER_SPACING;
  }
  return (
    `<g transform="translate(${x.toFixed(2)} ${y.toFixed(2)}) scale(${scale.toFixed(4)})" fill="none" stroke="${colour}"` +
    ` stroke-width="0.8" stroke-linecap="round" stroke-linejoin="round">${paths.join("")}</g>`
  );
}

/** Characters without a glyph show as a question mark that is as wide as an ideograph, so that a caller's own font fits. */
function glyph(character: string): readonly [width: number, path: string] {
  return GLYPHS[character] ?? [FULL_WIDTH, GLYPHS["?"]![1]];
}
