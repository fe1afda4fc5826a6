/** Source and destination translation. Linux: net/netfilter/nft_nat.c */
import { NftaNat } from '../../../assembly/abi/nf_tables.js';
import { type ExprOps, hex } from './expr.js';

/** NF_NAT_RANGE_*. */
export const NAT_F_PROTO_SPECIFIED = 0x2;
export const NAT_F_NETMAP = 0x40;

const FAMILIES: Readonly<Record<number, string>> = { 1: 'inet', 2: 'ip', 10: 'ip6' };

export interface NatIr {
  readonly kind: 'nat';
  readonly type: 'snat' | 'dnat';
  /** NFPROTO_IPV4 or NFPROTO_IPV6; NFPROTO_INET of ports alone. */
  readonly family: number;
  readonly addrMin?: number;
  readonly addrMax?: number;
  readonly protoMin?: number;
  readonly protoMax?: number;
  readonly flags: number;
}

export const nat: ExprOps<NatIr> = {
  name: 'nat',
  text({ type, family, addrMin, addrMax, protoMin, protoMax, flags }) {
    const parts = [`nat ${type} ${FAMILIES[family] ?? 'unknown'}`];
    if (addrMin !== undefined) parts.push(`addr_min reg ${addrMin}`);
    if (addrMax !== undefined) parts.push(`addr_max reg ${addrMax}`);
    if (protoMin !== undefined) parts.push(`proto_min reg ${protoMin}`);
    if (protoMax !== undefined) parts.push(`proto_max reg ${protoMax}`);
    if (flags !== 0) parts.push(`flags ${hex(flags)}`);
    return parts.join(' ');
  },
  encode({ type, family, addrMin, addrMax, protoMin, protoMax, flags }, attrs) {
    attrs.u32(NftaNat.TYPE, type === 'snat' ? 0 : 1).u32(NftaNat.FAMILY, family);
    if (addrMin !== undefined) attrs.u32(NftaNat.REG_ADDR_MIN, addrMin);
    if (addrMax !== undefined) attrs.u32(NftaNat.REG_ADDR_MAX, addrMax);
    if (protoMin !== undefined) attrs.u32(NftaNat.REG_PROTO_MIN, protoMin);
    if (protoMax !== undefined) attrs.u32(NftaNat.REG_PROTO_MAX, protoMax);
    if (flags !== 0) attrs.u32(NftaNat.FLAGS, flags);
  },
  decode(attrs) {
    const addrMin = attrs.u32(NftaNat.REG_ADDR_MIN);
    const addrMax = attrs.u32(NftaNat.REG_ADDR_MAX);
    const protoMin = attrs.u32(NftaNat.REG_PROTO_MIN);
    const protoMax = attrs.u32(NftaNat.REG_PROTO_MAX);
    return {
      kind: 'nat',
      type: attrs.u32(NftaNat.TYPE) === 1 ? 'dnat' : 'snat',
      family: attrs.u32(NftaNat.FAMILY) ?? 0,
      ...(addrMin !== undefined && { addrMin }),
      ...(addrMax !== undefined && { addrMax }),
      ...(protoMin !== undefined && { protoMin }),
      ...(protoMax !== undefined && { protoMax }),
      flags: attrs.u32(NftaNat.FLAGS) ?? 0,
    };
  },
};
