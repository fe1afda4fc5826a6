/** A register against two constants. Linux: net/netfilter/nft_range.c */
import { NftaRange } from '../../../assembly/abi/nf_tables.js';
import { readValue, writeValue } from './data.js';
import { type ExprOps, words } from './expr.js';

export interface RangeExpr {
  readonly kind: 'range';
  readonly sreg: number;
  readonly op: 'eq' | 'neq';
  readonly from: Uint8Array;
  readonly to: Uint8Array;
}

export const range: ExprOps<RangeExpr> = {
  name: 'range',
  text: ({ op, sreg, from, to }) => `range ${op} reg ${sreg} ${words(from)} ${words(to)}`,
  encode({ sreg, op, from, to }, attrs) {
    attrs.u32(NftaRange.SREG, sreg).u32(NftaRange.OP, op === 'eq' ? 0 : 1);
    writeValue(attrs, NftaRange.FROM_DATA, from);
    writeValue(attrs, NftaRange.TO_DATA, to);
  },
  decode: (attrs) => ({
    kind: 'range',
    sreg: attrs.u32(NftaRange.SREG) ?? 0,
    op: attrs.u32(NftaRange.OP) === 1 ? 'neq' : 'eq',
    from: readValue(attrs, NftaRange.FROM_DATA),
    to: readValue(attrs, NftaRange.TO_DATA),
  }),
};
