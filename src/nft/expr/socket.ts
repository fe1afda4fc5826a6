/** Data of the socket that the packet would reach. Linux: net/netfilter/nft_socket.c */
import { NftaSocket } from '../../../assembly/abi/nf_tables.js';
import { SOCKET_KEYS } from '../proto/keys.js';
import type { ExprOps } from './expr.js';

export interface SocketIr {
  readonly kind: 'socket';
  readonly key: number;
  /** Of cgroupv2. */
  readonly level?: number;
  readonly dreg: number;
}

const NAMES = new Map(Object.values(SOCKET_KEYS).map((key) => [key.number, key.text]));

export const socket: ExprOps<SocketIr> = {
  name: 'socket',
  text: ({ key, dreg }) => `socket load ${NAMES.get(key) ?? 'unknown'} => reg ${dreg}`,
  encode({ key, level, dreg }, attrs) {
    attrs.u32(NftaSocket.KEY, key).u32(NftaSocket.DREG, dreg);
    attrs.u32(NftaSocket.LEVEL, level ?? 0);
  },
  decode(attrs) {
    const level = attrs.u32(NftaSocket.LEVEL);
    return {
      kind: 'socket',
      key: attrs.u32(NftaSocket.KEY) ?? 0,
      dreg: attrs.u32(NftaSocket.DREG) ?? 0,
      ...(level !== undefined && { level }),
    };
  },
};
