/** A register against a constant; the rule ends where it does not hold. Linux: net/netfilter/nft_cmp.c */
import { NftaCmp } from '../../../assembly/abi/nf_tables.js';
import { readValue, writeValue } from './data.js';
import { type ExprOps, words } from './expr.js';

/** In the order of NFT_CMP_*. */
const CMP_OPS = ['eq', 'neq', 'lt', 'lte', 'gt', 'gte'] as const;
export type CmpOp = (typeof CMP_OPS)[number];

export interface CmpExpr {
  readonly kind: 'cmp';
  readonly sreg: number;
  readonly op: CmpOp;
  readonly data: Uint8Array;
}

export const cmp: ExprOps<CmpExpr> = {
  name: 'cmp',
  text: ({ op, sreg, data }) => `cmp ${op} reg ${sreg} ${words(data)}`,
  encode({ sreg, op, data }, attrs) {
    attrs.u32(NftaCmp.SREG, sreg).u32(NftaCmp.OP, CMP_OPS.indexOf(op));
    writeValue(attrs, NftaCmp.DATA, data);
  },
  decode: (attrs) => ({
    kind: 'cmp',
    sreg: attrs.u32(NftaCmp.SREG) ?? 0,
    op: CMP_OPS[attrs.u32(NftaCmp.OP) ?? 0]!,
    data: readValue(attrs, NftaCmp.DATA),
  }),
};
