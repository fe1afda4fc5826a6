/** A copy of the packet, or the packet itself, to another device or neighbour. Linux: nft_dup_*.c, nft_fwd_netdev.c */
import { NftaDup, NftaFwd } from '../../../assembly/abi/nf_tables.js';
import type { ExprOps } from './expr.js';

export interface DupIr {
  readonly kind: 'dup';
  readonly sregAddr?: number;
  readonly sregDev?: number;
}

export const dup: ExprOps<DupIr> = {
  name: 'dup',
  text: ({ sregAddr, sregDev }) =>
    `dup${sregAddr === undefined ? '' : ` sreg_addr ${sregAddr}`}${sregDev === undefined ? '' : ` sreg_dev ${sregDev}`}`,
  encode({ sregAddr, sregDev }, attrs) {
    if (sregAddr !== undefined) attrs.u32(NftaDup.SREG_ADDR, sregAddr);
    if (sregDev !== undefined) attrs.u32(NftaDup.SREG_DEV, sregDev);
  },
  decode(attrs) {
    const sregAddr = attrs.u32(NftaDup.SREG_ADDR);
    const sregDev = attrs.u32(NftaDup.SREG_DEV);
    return {
      kind: 'dup',
      ...(sregAddr !== undefined && { sregAddr }),
      ...(sregDev !== undefined && { sregDev }),
    };
  },
};

export interface FwdIr {
  readonly kind: 'fwd';
  readonly sregDev: number;
  readonly sregAddr?: number;
  /** NFPROTO_* of the address. */
  readonly nfproto?: number;
}

export const fwd: ExprOps<FwdIr> = {
  name: 'fwd',
  text: ({ sregDev, sregAddr, nfproto }) =>
    `fwd sreg_dev ${sregDev}${sregAddr === undefined ? '' : ` sreg_addr ${sregAddr}`}${nfproto === undefined ? '' : ` nfproto ${nfproto}`}`,
  encode({ sregDev, sregAddr, nfproto }, attrs) {
    attrs.u32(NftaFwd.SREG_DEV, sregDev);
    if (sregAddr !== undefined) attrs.u32(NftaFwd.SREG_ADDR, sregAddr);
    if (nfproto !== undefined) attrs.u32(NftaFwd.NFPROTO, nfproto);
  },
  decode(attrs) {
    const sregAddr = attrs.u32(NftaFwd.SREG_ADDR);
    const nfproto = attrs.u32(NftaFwd.NFPROTO);
    return {
      kind: 'fwd',
      sregDev: attrs.u32(NftaFwd.SREG_DEV) ?? 0,
      ...(sregAddr !== undefined && { sregAddr }),
      ...(nfproto !== undefined && { nfproto }),
    };
  },
};
