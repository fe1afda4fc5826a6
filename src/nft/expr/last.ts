/** When a packet came by last. Not in nft 1.0.6; the text is that of later versions. Linux: net/netfilter/nft_last.c */
import { NftaLast } from '../../../assembly/abi/nf_tables.js';
import type { ExprOps } from './expr.js';

export interface LastIr {
  readonly kind: 'last';
  /** Milliseconds ago; left out: never. */
  readonly msecs?: bigint;
}

export const last: ExprOps<LastIr> = {
  name: 'last',
  text: ({ msecs }) => (msecs === undefined ? 'last never' : `last ${msecs}`),
  encode({ msecs }, attrs) {
    attrs.u32(NftaLast.SET, msecs === undefined ? 0 : 1).u64(NftaLast.MSECS, msecs ?? 0n);
  },
  decode(attrs) {
    const msecs = attrs.u64(NftaLast.MSECS);
    return { kind: 'last', ...(attrs.u32(NftaLast.SET) === 1 && msecs !== undefined && { msecs }) };
  },
};
