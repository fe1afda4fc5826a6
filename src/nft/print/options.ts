/** How to print: the options of nft's listings, as far as they concern text and not what is listed. */
import type { Family } from '../ast.js';

export interface PrintOptions {
  /** -a: `# handle 5`. */
  readonly handles?: boolean;
  /** -s: no counts, nothing used, no time left. */
  readonly stateless?: boolean;
  /** -t: no elements of named sets. */
  readonly terse?: boolean;
  /** -y (and -n): priorities of chains as numbers. */
  readonly numericPriority?: boolean;
  /** Sets are called meters: they were made by `meter` statements. */
  readonly meters?: boolean;
  /** Of the table, once inside one: some statements are shorter where they say what is usual there. */
  readonly family?: Family;
}
