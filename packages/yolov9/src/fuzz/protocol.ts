/** What `fuzz.ts` asks of the process that parses, and what comes back. */

export interface Order {
  readonly parser: string;
  /** The only one in which it may write. */
  readonly folder: string;
  readonly seed: number;
  /** Numbers of the inputs to make and try. */
  readonly from: number;
  readonly to: number;
  /** It stops after so long, even if some are left. */
  readonly seconds: number;
  /** Files to parse instead. */
  readonly files?: readonly string[];
}

export type Report =
  | { readonly kind: "progress" | "done"; readonly index: number }
  | { readonly kind: "finding"; readonly index: number; readonly wrong: string; readonly input: string }
  | {
      readonly kind: "parsed";
      readonly wrong?: string | undefined;
      readonly message: string;
      readonly seconds: number;
      readonly megabytes: number;
    };
