/** Bytes of a header into a register, or back with a checksum mended. Linux: net/netfilter/nft_payload.c */
import { NftaPayload } from '../../../assembly/abi/nf_tables.js';
import { type ExprOps, hex } from './expr.js';

const BASES = ['link', 'network', 'transport', 'inner'] as const;

interface Common {
  readonly kind: 'payload';
  /** NFT_PAYLOAD_*_HEADER. */
  readonly base: number;
  readonly offset: number;
  readonly len: number;
}

export interface PayloadLoad extends Common {
  readonly dreg: number;
}

export interface PayloadWrite extends Common {
  readonly sreg: number;
  /** 0 none, 1 the internet checksum, 2 SCTP's. */
  readonly csumType: number;
  readonly csumOffset: number;
  /** NFT_PAYLOAD_L4CSUM_PSEUDOHDR. */
  readonly csumFlags: number;
}

export type PayloadIr = PayloadLoad | PayloadWrite;

export const payload: ExprOps<PayloadIr> = {
  name: 'payload',
  text(expr) {
    const place = `${expr.len}b @ ${BASES[expr.base]} header + ${expr.offset}`;
    if ('dreg' in expr) return `payload load ${place} => reg ${expr.dreg}`;
    const csum = `csum_type ${expr.csumType} csum_off ${expr.csumOffset} csum_flags ${hex(expr.csumFlags)}`;
    return `payload write reg ${expr.sreg} => ${place} ${csum}`;
  },
  encode(expr, attrs) {
    if ('sreg' in expr) attrs.u32(NftaPayload.SREG, expr.sreg);
    else attrs.u32(NftaPayload.DREG, expr.dreg);
    attrs.u32(NftaPayload.BASE, expr.base);
    attrs.u32(NftaPayload.OFFSET, expr.offset).u32(NftaPayload.LEN, expr.len);
    if ('dreg' in expr) return;
    if (expr.csumType !== 0)
      attrs.u32(NftaPayload.CSUM_TYPE, expr.csumType).u32(NftaPayload.CSUM_OFFSET, expr.csumOffset);
    if (expr.csumFlags !== 0) attrs.u32(NftaPayload.CSUM_FLAGS, expr.csumFlags);
  },
  decode(attrs) {
    const common = {
      kind: 'payload' as const,
      base: attrs.u32(NftaPayload.BASE) ?? 0,
      offset: attrs.u32(NftaPayload.OFFSET) ?? 0,
      len: attrs.u32(NftaPayload.LEN) ?? 0,
    };
    const sreg = attrs.u32(NftaPayload.SREG);
    if (sreg === undefined) return { ...common, dreg: attrs.u32(NftaPayload.DREG) ?? 0 };
    return {
      ...common,
      sreg,
      csumType: attrs.u32(NftaPayload.CSUM_TYPE) ?? 0,
      csumOffset: attrs.u32(NftaPayload.CSUM_OFFSET) ?? 0,
      csumFlags: attrs.u32(NftaPayload.CSUM_FLAGS) ?? 0,
    };
  },
};
