/** Translation to the address of the device the packet leaves by (masq), or to this host (redir). Linux: nft_masq.c, nft_redir.c */
import { NftaMasq, NftaRedir } from '../../../assembly/abi/nf_tables.js';
import type { NlAttrs } from '../../netlink/nlattr.js';
import { type ExprOps, hex } from './expr.js';

interface Ports {
  readonly protoMin?: number;
  readonly protoMax?: number;
  readonly flags: number;
}

export interface MasqIr extends Ports {
  readonly kind: 'masq';
}

export interface RedirIr extends Ports {
  readonly kind: 'redir';
}

function portsText({ protoMin, protoMax, flags }: Ports): string {
  const min = protoMin === undefined ? '' : ` proto_min reg ${protoMin}`;
  const max = protoMax === undefined ? '' : ` proto_max reg ${protoMax}`;
  return `${min}${max}${flags === 0 ? '' : ` flags ${hex(flags)}`}`;
}

function ports(attrs: NlAttrs, min: number, max: number, flags: number): Ports {
  const protoMin = attrs.u32(min);
  const protoMax = attrs.u32(max);
  return {
    ...(protoMin !== undefined && { protoMin }),
    ...(protoMax !== undefined && { protoMax }),
    flags: attrs.u32(flags) ?? 0,
  };
}

export const masq: ExprOps<MasqIr> = {
  name: 'masq',
  text: (expr) => `masq${portsText(expr)}`,
  encode({ protoMin, protoMax, flags }, attrs) {
    if (flags !== 0) attrs.u32(NftaMasq.FLAGS, flags);
    if (protoMin !== undefined) attrs.u32(NftaMasq.REG_PROTO_MIN, protoMin);
    if (protoMax !== undefined) attrs.u32(NftaMasq.REG_PROTO_MAX, protoMax);
  },
  decode: (attrs) => ({
    kind: 'masq',
    ...ports(attrs, NftaMasq.REG_PROTO_MIN, NftaMasq.REG_PROTO_MAX, NftaMasq.FLAGS),
  }),
};

export const redir: ExprOps<RedirIr> = {
  name: 'redir',
  text: (expr) => `redir${portsText(expr)}`,
  encode({ protoMin, protoMax, flags }, attrs) {
    if (protoMin !== undefined) attrs.u32(NftaRedir.REG_PROTO_MIN, protoMin);
    if (protoMax !== undefined) attrs.u32(NftaRedir.REG_PROTO_MAX, protoMax);
    if (flags !== 0) attrs.u32(NftaRedir.FLAGS, flags);
  },
  decode: (attrs) => ({
    kind: 'redir',
    ...ports(attrs, NftaRedir.REG_PROTO_MIN, NftaRedir.REG_PROTO_MAX, NftaRedir.FLAGS),
  }),
};
