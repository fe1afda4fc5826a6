/** The packet goes to a program. Linux: net/netfilter/nft_queue.c */
import { NftaQueue } from '../../../assembly/abi/nf_tables.js';
import type { ExprOps } from './expr.js';

const NFT_QUEUE_FLAG_BYPASS = 1;
const NFT_QUEUE_FLAG_CPU_FANOUT = 2;

export interface QueueIr {
  readonly kind: 'queue';
  readonly num: number;
  readonly total: number;
  /** Instead of num: a register that holds it. */
  readonly sreg?: number;
  readonly bypass: boolean;
  readonly fanout: boolean;
}

export const queue: ExprOps<QueueIr> = {
  name: 'queue',
  text({ num, total, sreg, bypass, fanout }) {
    const which =
      sreg !== undefined ? `sreg_qnum ${sreg}` : `num ${num}${total > 1 ? `-${num + total - 1}` : ''}`;
    return `queue ${which}${bypass ? ' bypass' : ''}${fanout ? ' fanout' : ''}`;
  },
  encode({ num, total, sreg, bypass, fanout }, attrs) {
    if (sreg === undefined) attrs.u16(NftaQueue.NUM, num).u16(NftaQueue.TOTAL, total);
    const flags = (bypass ? NFT_QUEUE_FLAG_BYPASS : 0) | (fanout ? NFT_QUEUE_FLAG_CPU_FANOUT : 0);
    if (flags !== 0) attrs.u16(NftaQueue.FLAGS, flags);
    if (sreg !== undefined) attrs.u32(NftaQueue.SREG_QNUM, sreg);
  },
  decode(attrs) {
    const sreg = attrs.u32(NftaQueue.SREG_QNUM);
    const flags = attrs.u16(NftaQueue.FLAGS) ?? 0;
    return {
      kind: 'queue',
      num: attrs.u16(NftaQueue.NUM) ?? 0,
      total: attrs.u16(NftaQueue.TOTAL) ?? 1,
      ...(sreg !== undefined && { sreg }),
      bypass: (flags & NFT_QUEUE_FLAG_BYPASS) !== 0,
      fanout: (flags & NFT_QUEUE_FLAG_CPU_FANOUT) !== 0,
    };
  },
};
