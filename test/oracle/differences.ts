/**
 * Where the core deliberately does something else than Linux, and why. A case named here has to differ: when the two
 * agree again, its line has to go. What is normalised for every case stands in normalise.ts.
 */
export interface Difference {
  /** Name of the case. */
  readonly name: string;
  readonly reason: string;
  /** How many frames ours sends out of each port. */
  readonly ours: { readonly lan0: number; readonly wan0: number };
}

export const differences: readonly Difference[] = [];
