/** Packets and bytes that came by. Linux: net/netfilter/nft_counter.c */
import { NftaCounter } from '../../../assembly/abi/nf_tables.js';
import type { ExprOps } from './expr.js';

export interface CounterIr {
  readonly kind: 'counter';
  readonly packets: bigint;
  readonly bytes: bigint;
}

export const counter: ExprOps<CounterIr> = {
  name: 'counter',
  text: ({ packets, bytes }) => `counter pkts ${packets} bytes ${bytes}`,
  encode({ packets, bytes }, attrs) {
    if (bytes !== 0n) attrs.u64(NftaCounter.BYTES, bytes);
    if (packets !== 0n) attrs.u64(NftaCounter.PACKETS, packets);
  },
  decode: (attrs) => ({
    kind: 'counter',
    packets: attrs.u64(NftaCounter.PACKETS) ?? 0n,
    bytes: attrs.u64(NftaCounter.BYTES) ?? 0n,
  }),
};
