/** No connection for this packet; and the packet's flow into a flowtable. Linux: nft_ct.c, nft_flow_offload.c */
import { NftaFlow } from '../../../assembly/abi/nf_tables.js';
import type { ExprOps } from './expr.js';

export interface NotrackIr {
  readonly kind: 'notrack';
}

export const notrack: ExprOps<NotrackIr> = {
  name: 'notrack',
  text: () => 'notrack',
  encode: () => undefined,
  decode: () => ({ kind: 'notrack' }),
};

export interface FlowOffloadIr {
  readonly kind: 'flow_offload';
  readonly flowtable: string;
}

export const flowOffload: ExprOps<FlowOffloadIr> = {
  name: 'flow_offload',
  text: ({ flowtable }) => `flow_offload flowtable ${flowtable}`,
  encode({ flowtable }, attrs) {
    attrs.text(NftaFlow.TABLE_NAME, flowtable);
  },
  decode: (attrs) => ({ kind: 'flow_offload', flowtable: attrs.text(NftaFlow.TABLE_NAME) ?? '' }),
};
