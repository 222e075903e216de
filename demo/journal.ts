// Remembers on disk which steps of the demo are done, what came out and how long they took, so that a second run goes on
// where the first one stopped. A journal of another recipe is thrown away with everything that was made by it.

import { existsSync, mkdirSync, readFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import { writeWhole } from "@yolov9/torch/whole-file";
import { z } from "zod";

const Entry = z.object({ seconds: z.number(), result: z.unknown() });
const Pages = z.object({ recipe: z.string(), steps: z.record(z.string(), Entry) });

export class Journal {
  readonly #file: string;
  readonly #pages: z.output<typeof Pages>;

  /**
   * @param folder where the steps write; emptied when it belongs to another recipe
   * @param recipe all that decides about results, as text
   */
  constructor(folder: string, recipe: string) {
    this.#file = join(folder, "journal.json");
    const known = existsSync(this.#file) ? Pages.parse(JSON.parse(readFileSync(this.#file, "utf8"))) : undefined;
    if (known?.recipe === recipe) {
      this.#pages = known;
      return;
    }
    rmSync(folder, { recursive: true, force: true });
    mkdirSync(folder, { recursive: true });
    this.#pages = { recipe, steps: {} };
    this.#write();
  }

  isDone(step: string): boolean {
    return step in this.#pages.steps;
  }

  /** Does a step once: a step that is in the journal gives its former result. Time spent on failed attempts is not counted. */
  async once<Schema extends z.ZodType>(
    step: string,
    schema: Schema,
    work: () => Promise<z.output<Schema>>,
  ): Promise<z.output<Schema>> {
    const entry = this.#pages.steps[step];
    if (entry !== undefined) return schema.parse(entry.result);
    const start = performance.now();
    const result = await work();
    this.#pages.steps[step] = { seconds: (performance.now() - start) / 1000, result };
    this.#write();
    return result;
  }

  /** A step whose files are gone is to be done again. */
  forget(step: string): void {
    this.#pages.steps = Object.fromEntries(Object.entries(this.#pages.steps).filter(([name]) => name !== step));
  }

  /** Wall time of a step's successful attempt. */
  seconds(step: string): number {
    return this.#pages.steps[step]?.seconds ?? 0;
  }

  #write(): void {
    writeWhole(this.#file, JSON.stringify(this.#pages));
  }
}
