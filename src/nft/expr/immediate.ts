/** A constant, or a verdict, into a register. Linux: net/netfilter/nft_immediate.c */
import { NftaImmediate } from '../../../assembly/abi/nf_tables.js';
import { readValue, readVerdict, type VerdictData, verdictText, writeValue, writeVerdict } from './data.js';
import { type ExprOps, words } from './expr.js';

export interface ImmediateExpr {
  readonly kind: 'immediate';
  readonly dreg: number;
  readonly data: Uint8Array | VerdictData;
}

export const immediate: ExprOps<ImmediateExpr> = {
  name: 'immediate',
  text: ({ dreg, data }) =>
    `immediate reg ${dreg} ${data instanceof Uint8Array ? words(data) : verdictText(data)}`,
  encode({ dreg, data }, attrs) {
    attrs.u32(NftaImmediate.DREG, dreg);
    if (data instanceof Uint8Array) writeValue(attrs, NftaImmediate.DATA, data);
    else writeVerdict(attrs, NftaImmediate.DATA, data);
  },
  decode: (attrs) => ({
    kind: 'immediate',
    dreg: attrs.u32(NftaImmediate.DREG) ?? 0,
    data: readVerdict(attrs, NftaImmediate.DATA) ?? readValue(attrs, NftaImmediate.DATA),
  }),
};
