/** To a local socket without changing the packet. Linux: net/netfilter/nft_tproxy.c */
import { NftaTproxy } from '../../../assembly/abi/nf_tables.js';
import type { ExprOps } from './expr.js';

export interface TproxyIr {
  readonly kind: 'tproxy';
  /** 0: of either family (`inet` with a port only). */
  readonly family: number;
  readonly addr?: number;
  readonly port?: number;
}

const FAMILIES: Readonly<Record<number, string>> = { 2: ' ip', 10: ' ip6' };

export const tproxy: ExprOps<TproxyIr> = {
  name: 'tproxy',
  text: ({ family, addr, port }) =>
    `tproxy${FAMILIES[family] ?? ''}${addr === undefined ? '' : ` addr reg ${addr}`}${port === undefined ? '' : ` port reg ${port}`}`,
  encode({ family, addr, port }, attrs) {
    attrs.u32(NftaTproxy.FAMILY, family);
    if (addr !== undefined) attrs.u32(NftaTproxy.REG_ADDR, addr);
    if (port !== undefined) attrs.u32(NftaTproxy.REG_PORT, port);
  },
  decode(attrs) {
    const addr = attrs.u32(NftaTproxy.REG_ADDR);
    const port = attrs.u32(NftaTproxy.REG_PORT);
    return {
      kind: 'tproxy',
      family: attrs.u32(NftaTproxy.FAMILY) ?? 0,
      ...(addr !== undefined && { addr }),
      ...(port !== undefined && { port }),
    };
  },
};
