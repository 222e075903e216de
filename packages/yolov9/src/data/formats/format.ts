/** What a data format offers. A new format is one file that exports such an object, and one line in registry.ts. */

import type { Description } from "../description.js";
import type { Dataset, Problem, SplitName } from "../sample.js";

export interface DatasetFormat {
  readonly name: string;
  /** Whether a folder (without description file) has this format's layout. */
  recognises(folder: string): Promise<boolean>;
  /** For error messages: the layout that `recognises` looks for. */
  readonly layout: string;
  /**
   * Read annotations and image headers of the wanted splits. Unusable rows and images go to `problems`.
   * @throws DatasetError when nothing can be read
   */
  open(description: Description, splits: readonly SplitName[], problems: Problem[]): Promise<Omit<Dataset, "problems">>;
}
