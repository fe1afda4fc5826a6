/** TCP's handshake answered in front of the server. Linux: net/netfilter/nft_synproxy.c */
import { NftaSynproxy } from '../../../assembly/abi/nf_tables.js';
import type { SynproxyFlag } from '../ast.js';
import type { ExprOps } from './expr.js';

/** NF_SYNPROXY_OPT_*. */
const OPT_MSS = 1;
const OPT_WSCALE = 2;
const OPT_BITS: Readonly<Record<SynproxyFlag, number>> = { 'sack-perm': 4, timestamp: 8 };

export interface SynproxyIr {
  readonly kind: 'synproxy';
  readonly mss: number;
  readonly wscale: number;
  readonly flags: number;
}

export function synproxyIr(
  mss: number | undefined,
  wscale: number | undefined,
  flags: readonly SynproxyFlag[],
): SynproxyIr {
  let bits = (mss === undefined ? 0 : OPT_MSS) | (wscale === undefined ? 0 : OPT_WSCALE);
  for (const flag of flags) bits |= OPT_BITS[flag];
  return { kind: 'synproxy', mss: mss ?? 0, wscale: wscale ?? 0, flags: bits };
}

export const synproxy: ExprOps<SynproxyIr> = {
  name: 'synproxy',
  text: ({ mss, wscale }) => `synproxy mss ${mss} wscale ${wscale}`,
  encode({ mss, wscale, flags }, attrs) {
    attrs.u16(NftaSynproxy.MSS, mss).u8(NftaSynproxy.WSCALE, wscale).u32(NftaSynproxy.FLAGS, flags);
  },
  decode: (attrs) => ({
    kind: 'synproxy',
    mss: attrs.u16(NftaSynproxy.MSS) ?? 0,
    wscale: attrs.u8(NftaSynproxy.WSCALE) ?? 0,
    flags: attrs.u32(NftaSynproxy.FLAGS) ?? 0,
  }),
};
