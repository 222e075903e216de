/** What changed between two texts, line by line, in the unified form that every programmer's tools show. */

/** Lines shown around a change. */
const CONTEXT = 1;
/** A text in one line, such as most JSON files, is cut before each element. */
const LONG_LINE = 1000;

type Step = readonly [mark: " " | "-" | "+", line: string, oldLine: number, newLine: number];

/** @returns the changed places with headers `@@ -old +new @@`, or an empty text when nothing changed */
export function lineDiff(before: string, after: string): string {
  const steps = stepsOf(diffLines(before), diffLines(after));
  const shown = new Set<number>();
  steps.forEach(([mark], index) => {
    if (mark !== " ") for (let i = Math.max(0, index - CONTEXT); i <= index + CONTEXT; i++) shown.add(i);
  });
  const lines: string[] = [];
  steps.forEach(([mark, line, oldLine, newLine], index) => {
    if (!shown.has(index)) return;
    if (!shown.has(index - 1)) lines.push(`@@ -${oldLine + 1} +${newLine + 1} @@`);
    lines.push(`${mark} ${line}`);
  });
  return lines.join("\n");
}

function diffLines(text: string): string[] {
  const cut = text.split("\n", 3).some((line) => line.length > LONG_LINE)
    ? text.replace(/(?<=\}),\s*(?=\{)/g, ",\n")
    : text;
  return cut.replace(/\r?\n$/, "").split(/\r?\n/);
}

/** More changed lines than this are shown as one block: finding the fewest would take too long. */
const MOST_CHANGES = 600;

/** The fewest dropped and added lines that lead from one text to the other (Myers 1986). */
function stepsOf(before: readonly string[], after: readonly string[]): Step[] {
  const changes = shortestEdit(before, after);
  const steps: Step[] = [];
  let [i, j] = [0, 0];
  const keep = () => void steps.push([" ", before[i]!, i++, j++]);
  for (const [mark, oldLine, newLine] of changes) {
    while (i < oldLine || j < newLine) keep();
    if (mark === "-") steps.push(["-", before[i]!, i++, j]);
    else steps.push(["+", after[j]!, i, j++]);
  }
  while (i < before.length) keep();
  return steps;
}

/** @returns each change with the old and new line at which it happens, in order */
function shortestEdit(before: readonly string[], after: readonly string[]): ["-" | "+", number, number][] {
  const [n, m] = [before.length, after.length];
  const most = Math.min(n + m, MOST_CHANGES);
  // furthest[k] is the furthest old line reached on the diagonal (old - new line) k.
  const furthest = new Map<number, number>([[1, 0]]);
  const trace: ReadonlyMap<number, number>[] = [];
  for (let changes = 0; changes <= most; changes++) {
    trace.push(new Map(furthest));
    for (let k = -changes; k <= changes; k += 2) {
      let x = isDown(furthest, k, changes) ? furthest.get(k + 1)! : furthest.get(k - 1)! + 1;
      while (x < n && x - k < m && before[x] === after[x - k]) x++;
      furthest.set(k, x);
      if (x >= n && x - k >= m) return backtrack(trace, n, m);
    }
  }
  const dropped = before.map((_, i): ["-", number, number] => ["-", i, 0]);
  return [...dropped, ...after.map((_, j): ["+", number, number] => ["+", n, j])];
}

function isDown(furthest: ReadonlyMap<number, number>, k: number, changes: number): boolean {
  return k === -changes || (k !== changes && furthest.get(k - 1)! < furthest.get(k + 1)!);
}

function backtrack(trace: readonly ReadonlyMap<number, number>[], n: number, m: number): ["-" | "+", number, number][] {
  const found: ["-" | "+", number, number][] = [];
  let [x, y] = [n, m];
  for (let changes = trace.length - 1; changes > 0; changes--) {
    const furthest = trace[changes]!;
    const k = x - y;
    const down = isDown(furthest, k, changes);
    const previous = down ? k + 1 : k - 1;
    x = furthest.get(previous)!;
    y = x - previous;
    found.push([down ? "+" : "-", x, y]);
  }
  return found.reverse();
}
