/** What the fuzzer has to know of a parser. */

export interface Parser {
  readonly name: string;
  /** Where the input lies, relative to the parser's own folder, in which it may write. */
  readonly file: string;
  /** Whether inputs are texts, so that words are changed as well as bytes. */
  readonly text: boolean;
  /** Whether messages must name the file. Default true. */
  readonly namesFile?: boolean;
  /** How many times fewer inputs than of others are tried, because each takes so much longer. Default 1. */
  readonly slowness?: number;
  /** Writes what must lie beside the input, and makes good inputs. */
  prepare(folder: string): Promise<Prepared> | Prepared;
  /**
   * Parses the file and looks at what came out of it.
   * @returns texts for the user that came out of it
   */
  parse(path: string, folder: string): Promise<Texts> | Texts;
}

export interface Prepared {
  readonly seeds: readonly (string | Buffer)[];
  /** Makes the file of a changed seed. Default: they are the same. */
  readonly wrap?: (input: Buffer) => Buffer;
}

export type Texts = readonly string[] | undefined;
