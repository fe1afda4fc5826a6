/** A lookup in the routing tables. Linux: net/netfilter/nft_fib.c */
import { NftaFib } from '../../../assembly/abi/nf_tables.js';
import type { FibFlag } from '../ast.js';
import type { ExprOps } from './expr.js';

/** NFTA_FIB_F_*, in the order in which they are printed. */
const FLAGS: readonly (readonly [FibFlag, number])[] = [
  ['saddr', 1],
  ['daddr', 2],
  ['mark', 4],
  ['iif', 8],
  ['oif', 16],
];
const NFTA_FIB_F_PRESENT = 32;
/** From NFT_FIB_RESULT_OIF, which is 1. */
const RESULTS = ['oif', 'oifname', 'type'] as const;

export interface FibIr {
  readonly kind: 'fib';
  readonly flags: readonly FibFlag[];
  readonly present: boolean;
  readonly result: (typeof RESULTS)[number];
  readonly dreg: number;
}

export const fib: ExprOps<FibIr> = {
  name: 'fib',
  text({ flags, present, result, dreg }) {
    const names = FLAGS.filter(([name]) => flags.includes(name)).map(([name]) => name);
    return `fib ${names.join(' . ')} ${result}${present ? ' present' : ''} => reg ${dreg}`;
  },
  encode({ flags, present, result, dreg }, attrs) {
    let bits = present ? NFTA_FIB_F_PRESENT : 0;
    for (const [name, bit] of FLAGS) if (flags.includes(name)) bits |= bit;
    attrs.u32(NftaFib.FLAGS, bits);
    attrs.u32(NftaFib.RESULT, RESULTS.indexOf(result) + 1).u32(NftaFib.DREG, dreg);
  },
  decode(attrs) {
    const bits = attrs.u32(NftaFib.FLAGS) ?? 0;
    return {
      kind: 'fib',
      flags: FLAGS.filter(([, bit]) => (bits & bit) !== 0).map(([name]) => name),
      present: (bits & NFTA_FIB_F_PRESENT) !== 0,
      result: RESULTS[(attrs.u32(NftaFib.RESULT) ?? 1) - 1] ?? 'oif',
      dreg: attrs.u32(NftaFib.DREG) ?? 0,
    };
  },
};
