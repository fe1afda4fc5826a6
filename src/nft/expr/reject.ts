/** The packet is refused with an answer. Linux: net/netfilter/nft_reject*.c */
import { NftaReject } from '../../../assembly/abi/nf_tables.js';
import type { ExprOps } from './expr.js';

export interface RejectIr {
  readonly kind: 'reject';
  /** 0 ICMP unreachable, 1 TCP RST, 2 ICMP of either family. */
  readonly type: number;
  readonly code: number;
}

export const reject: ExprOps<RejectIr> = {
  name: 'reject',
  text: ({ type, code }) => `reject type ${type} code ${code}`,
  encode({ type, code }, attrs) {
    attrs.u32(NftaReject.TYPE, type).u8(NftaReject.ICMP_CODE, code);
  },
  decode: (attrs) => ({
    kind: 'reject',
    type: attrs.u32(NftaReject.TYPE) ?? 0,
    code: attrs.u8(NftaReject.ICMP_CODE) ?? 0,
  }),
};
