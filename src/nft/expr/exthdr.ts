/** A field of an extension header, option or chunk that is searched for. Linux: net/netfilter/nft_exthdr.c */
import { NftaExthdr } from '../../../assembly/abi/nf_tables.js';
import type { ExprOps } from './expr.js';

/** In the order of NFT_EXTHDR_OP_*. */
const OPS = ['ipv6', 'tcpopt', 'ipv4', 'sctp'] as const;
type Op = (typeof OPS)[number];
const NFT_EXTHDR_F_PRESENT = 1;

interface Common {
  readonly kind: 'exthdr';
  readonly op: Op;
  readonly type: number;
  readonly offset: number;
  readonly len: number;
}

export interface ExthdrLoad extends Common {
  readonly dreg: number;
  /** Is it there: 1 or 0. */
  readonly present: boolean;
}

export interface ExthdrWrite extends Common {
  readonly sreg: number;
}

/** `reset tcp option`: the option becomes NOPs. */
export interface ExthdrReset extends Common {
  readonly reset: true;
}

export type ExthdrIr = ExthdrLoad | ExthdrWrite | ExthdrReset;

/** nft 1.0.6 prints no name for chunks. */
const opText = (op: Op): string => (op === 'sctp' ? '' : ` ${op}`);

export const exthdr: ExprOps<ExthdrIr> = {
  name: 'exthdr',
  text(expr) {
    const place = `${expr.len}b @ ${expr.type} + ${expr.offset}`;
    if ('reset' in expr) return `exthdr reset${opText(expr.op)} ${expr.type}`;
    if ('sreg' in expr) return `exthdr write${opText(expr.op)} reg ${expr.sreg} => ${place}`;
    return `exthdr load${opText(expr.op)} ${place}${expr.present ? ' present' : ''} => reg ${expr.dreg}`;
  },
  encode(expr, attrs) {
    if ('dreg' in expr) attrs.u32(NftaExthdr.DREG, expr.dreg);
    if ('sreg' in expr) attrs.u32(NftaExthdr.SREG, expr.sreg);
    attrs.u8(NftaExthdr.TYPE, expr.type);
    if (!('reset' in expr)) attrs.u32(NftaExthdr.OFFSET, expr.offset).u32(NftaExthdr.LEN, expr.len);
    attrs.u32(NftaExthdr.OP, OPS.indexOf(expr.op));
    if ('present' in expr) attrs.u32(NftaExthdr.FLAGS, expr.present ? NFT_EXTHDR_F_PRESENT : 0);
  },
  decode(attrs) {
    const common = {
      kind: 'exthdr' as const,
      op: OPS[attrs.u32(NftaExthdr.OP) ?? 0]!,
      type: attrs.u8(NftaExthdr.TYPE) ?? 0,
      offset: attrs.u32(NftaExthdr.OFFSET) ?? 0,
      len: attrs.u32(NftaExthdr.LEN) ?? 0,
    };
    const sreg = attrs.u32(NftaExthdr.SREG);
    const dreg = attrs.u32(NftaExthdr.DREG);
    if (sreg !== undefined) return { ...common, sreg };
    if (dreg === undefined) return { ...common, reset: true };
    return { ...common, dreg, present: ((attrs.u32(NftaExthdr.FLAGS) ?? 0) & NFT_EXTHDR_F_PRESENT) !== 0 };
  },
};
