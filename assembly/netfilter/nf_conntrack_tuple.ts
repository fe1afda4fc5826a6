/**
 * Tuples: what tells connections apart, taken from a packet, turned round, compared, hashed. Linux:
 * nf_conntrack_core.c (nf_ct_get_tuple, nf_ct_invert_tuple), nf_conntrack_proto_icmp.c, nf_conntrack_proto_icmpv6.c.
 */
import { AF_INET } from '../net/net';
import { SkBuff, skbHeadlen } from '../skb/sk_buff';
import { pskbMayPull } from '../skb/skbuff';
import { Scratch, scratch } from '../lib/scratch';
import { IPV4_HDR_LEN } from '../wire/ipv4';
import { IPV6_HDR_LEN } from '../wire/ipv6';
import { ipv6ExtHdr, ipv6WalkExthdr } from '../wire/ipv6_ext';
import { NF_TUPLE_BYTES, NfCtNet, NfTuple } from './nf_conntrack';

export const IPPROTO_ICMP: u32 = 1;
export const IPPROTO_TCP: u32 = 6;
export const IPPROTO_UDP: u32 = 17;
export const IPPROTO_GRE: u32 = 47;
export const IPPROTO_ICMPV6: u32 = 58;
export const IPPROTO_SCTP: u32 = 132;
export const IPPROTO_UDPLITE: u32 = 136;

const IP_OFFSET: u32 = 0x1fff;
const GRE_HDR_LEN: u32 = 4;
export const GRE_VERSION: u8 = 7;
export const GRE_VERSION_PPTP: u8 = 1;
/** 0x880b, "enhanced GRE". */
const PPTP_GRE_PROTO_BE: u16 = 0x0b88;
/** Behind the call's id. */
export const PPTP_GRE_CALL_END: u32 = 8;
/** Headers of an IPv6 packet that are looked through for its upper layer. */
const EXT_HEADERS_MAX: u32 = 1024;

/** Type that answers an ICMP type, plus one; 0: no question and no answer. */
const ICMP_INVERT = memory.data<u8>([9, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 15, 14, 17, 16, 19, 18]);
const ICMP_INVERT_TYPES: u32 = 19;

/**
 * Offset from `nhoff` (an offset from data, where an IP header begins) of the upper layer, whose number goes to
 * `protoOut`; all before it is linear then. Behind IPv6 headers that are longer than the packet it lies behind the packet. 0 or less: there is none that could be tracked. Linux: get_l4proto.
 */
export function nfL4proto(skb: SkBuff, nhoff: u32, l3num: u32, protoOut: usize): i32 {
  if (l3num === AF_INET) {
    if (!pskbMayPull(skb, nhoff + IPV4_HDR_LEN)) return -1;
    const iph = skb.data + nhoff;
    // A fragment may still lie inside an ICMP error.
    if ((bswap<u16>(load<u16>(iph, 6)) & IP_OFFSET) !== 0) return -1;
    const dataoff = nhoff + ((<u32>load<u8>(iph) & 15) << 2);
    store<u32>(protoOut, load<u8>(iph, 9));
    if (dataoff > skb.len || dataoff < nhoff + IPV4_HDR_LEN) return -1;
    return dataoff;
  }
  const base = nhoff + IPV6_HDR_LEN;
  if (!pskbMayPull(skb, base)) return -1;
  const nexthdr = <u32>load<u8>(skb.data + nhoff, 6);
  if (!ipv6ExtHdr(nexthdr)) {
    store<u32>(protoOut, nexthdr);
    return base;
  }
  if (!pskbMayPull(skb, min(skb.len, base + EXT_HEADERS_MAX))) return -1;
  const fragOut = protoOut + 4;
  const at = ipv6WalkExthdr(skb.data + base, skbHeadlen(skb) - base, nexthdr, protoOut, fragOut);
  if (at < 0 || (load<u32>(fragOut) & 0xfff8) !== 0) return -1;
  return base + at;
}

/**
 * Fills the tuple of the packet with its IP header at `nhoff` and upper layer at `dataoff` (both from data; the IP
 * header is linear). False: too short to be told apart. Linux: nf_ct_get_tuple.
 */
export function nfGetTuple(
  skb: SkBuff,
  nhoff: u32,
  dataoff: u32,
  l3num: u32,
  proto: u32,
  zone: u16,
  out: NfTuple,
): bool {
  if (!nfProtoHasPorts(proto)) return getTupleOther(skb, nhoff, dataoff, l3num, proto, zone, out);
  if (!pskbMayPull(skb, dataoff + 4)) return false;
  fillAddresses(skb, nhoff, l3num, proto, zone, out);
  store<u32>(changetype<usize>(out), load<u32>(skb.data + dataoff));
  return true;
}

function getTupleOther(
  skb: SkBuff,
  nhoff: u32,
  dataoff: u32,
  l3num: u32,
  proto: u32,
  zone: u16,
  out: NfTuple,
): bool {
  if (proto === IPPROTO_ICMP || proto === IPPROTO_ICMPV6) {
    if (!pskbMayPull(skb, dataoff + 8)) return false;
    fillAddresses(skb, nhoff, l3num, proto, zone, out);
    const p = skb.data + dataoff;
    out.sport = load<u16>(p, 4);
    out.dport = load<u16>(p);
    return true;
  }
  fillAddresses(skb, nhoff, l3num, proto, zone, out);
  return proto !== IPPROTO_GRE || greKey(skb, dataoff, out);
}

/** PPTP's GRE (version 1, RFC 2637 4.1) has a key, the call; all other GRE is one connection. Linux: gre_pkt_to_tuple. */
function greKey(skb: SkBuff, dataoff: u32, out: NfTuple): bool {
  if (!pskbMayPull(skb, dataoff + GRE_HDR_LEN)) return true;
  if ((load<u8>(skb.data + dataoff, 1) & GRE_VERSION) !== GRE_VERSION_PPTP) return true;
  if (!pskbMayPull(skb, dataoff + PPTP_GRE_CALL_END)) return true;
  const p = skb.data + dataoff;
  if (load<u16>(p, 2) !== PPTP_GRE_PROTO_BE) return false;
  out.dport = load<u16>(p, 6);
  return true;
}

function fillAddresses(skb: SkBuff, nhoff: u32, l3num: u32, proto: u32, zone: u16, out: NfTuple): void {
  const iph = skb.data + nhoff;
  store<u32>(changetype<usize>(out), 0);
  out.proto = <u8>proto;
  out.l3num = <u8>l3num;
  out.zone = zone;
  if (l3num === AF_INET) {
    out.src0 = load<u32>(iph, 12);
    out.src1 = 0;
    out.dst0 = load<u32>(iph, 16);
    out.dst1 = 0;
    return;
  }
  out.src0 = load<u64>(iph, 8);
  out.src1 = load<u64>(iph, 16);
  out.dst0 = load<u64>(iph, 24);
  out.dst1 = load<u64>(iph, 32);
}

/** The packet inside an ICMP error, at `nhoff`. Linux: nf_ct_get_tuplepr. */
export function nfGetTuplepr(skb: SkBuff, nhoff: u32, l3num: u32, zone: u16, out: NfTuple): bool {
  const where = scratch(Scratch.NF_CT_L4);
  const dataoff = nfL4proto(skb, nhoff, l3num, where);
  if (dataoff <= 0) return false;
  return nfGetTuple(skb, nhoff, <u32>dataoff, l3num, load<u32>(where), zone, out);
}

export function nfProtoHasPorts(proto: u32): bool {
  if (proto === IPPROTO_TCP || proto === IPPROTO_UDP) return true;
  return proto === IPPROTO_SCTP || proto === IPPROTO_UDPLITE;
}

/** The tuple of an answer to `from`, in zone `zone`. False for what is never answered. Linux: nf_ct_invert_tuple. */
export function nfInvertTuple(out: NfTuple, from: NfTuple, zone: u16): bool {
  out.src0 = from.dst0;
  out.src1 = from.dst1;
  out.dst0 = from.src0;
  out.dst1 = from.src1;
  out.proto = from.proto;
  out.l3num = from.l3num;
  out.zone = zone;
  const proto = <u32>from.proto;
  if (proto !== IPPROTO_ICMP && proto !== IPPROTO_ICMPV6) {
    const sport = from.sport;
    out.sport = from.dport;
    out.dport = sport;
    return true;
  }
  const type = nfInvertIcmp(proto, <u32>from.dport & 0xff);
  if (type < 0) return false;
  out.sport = from.sport;
  out.dport = <u16>((from.dport & 0xff00) | <u16>type);
  return true;
}

/** Type of the answer to a type, -1: none. */
export function nfInvertIcmp(proto: u32, type: u32): i32 {
  if (proto === IPPROTO_ICMP) {
    return type < ICMP_INVERT_TYPES ? <i32>load<u8>(ICMP_INVERT + type) - 1 : -1;
  }
  // Echo (128, 129) and node information (139, 140).
  if (type === 128 || type === 139) return <i32>type + 1;
  if (type === 129 || type === 140) return <i32>type - 1;
  return -1;
}

/** All but the zone. */
export function nfTupleEqual(a: NfTuple, b: NfTuple): bool {
  if (load<u32>(changetype<usize>(a)) !== load<u32>(changetype<usize>(b))) return false;
  if (a.proto !== b.proto || a.l3num !== b.l3num) return false;
  if (a.src0 !== b.src0 || a.dst0 !== b.dst0) return false;
  return a.src1 === b.src1 && a.dst1 === b.dst1;
}

export function nfTupleCopy(to: NfTuple, from: NfTuple): void {
  memory.copy(changetype<usize>(to), changetype<usize>(from), NF_TUPLE_BYTES);
}

/** In line: once per packet. */
export class NfHash {
  /**
   * A keyed multilinear hash (Carter and Wegman; the pairs of UMAC's NH): who does not know the keys cannot choose
   * tuples that meet in a bucket. Two multiplications for IPv4.
   */
  @inline
  static of(ctnet: NfCtNet, t: NfTuple): u32 {
    const word = load<u64>(changetype<usize>(t));
    let acc: u64 = <u64>(<u32>word + ctnet.key0) * <u64>(<u32>(word >> 32) + ctnet.key1);
    acc += <u64>(<u32>t.src0 + ctnet.key2) * <u64>(<u32>t.dst0 + ctnet.key3);
    if (t.l3num !== <u8>AF_INET) acc += NfHash.more(ctnet, t);
    acc = (acc ^ (acc >> 32)) * ctnet.mul;
    return <u32>(acc >> 32);
  }

  /** `of` for an IPv4 tuple that is not in memory: its first eight bytes and the addresses. */
  @inline
  static ipv4(ctnet: NfCtNet, word: u64, src: u32, dst: u32): u32 {
    let acc: u64 = <u64>(<u32>word + ctnet.key0) * <u64>(<u32>(word >> 32) + ctnet.key1);
    acc += <u64>(src + ctnet.key2) * <u64>(dst + ctnet.key3);
    acc = (acc ^ (acc >> 32)) * ctnet.mul;
    return <u32>(acc >> 32);
  }

  static more(ctnet: NfCtNet, t: NfTuple): u64 {
    const mul = ctnet.mul;
    const a = <u32>mul;
    const b = <u32>(mul >> 32);
    let acc = <u64>(<u32>(t.src0 >> 32) + a) * <u64>(<u32>(t.dst0 >> 32) + b);
    acc = rotl<u64>(acc, 23);
    acc += <u64>(<u32>t.src1 + (ctnet.key0 ^ b)) * <u64>(<u32>t.dst1 + (ctnet.key1 ^ a));
    acc = rotl<u64>(acc, 17);
    acc += <u64>(<u32>(t.src1 >> 32) + (ctnet.key2 ^ b)) * <u64>(<u32>(t.dst1 >> 32) + (ctnet.key3 ^ a));
    return acc;
  }

  /** `node` has this tuple, the zone too. */
  @inline
  static equal(node: usize, t: NfTuple): bool {
    const p = node + 8;
    const q = changetype<usize>(t);
    if (load<u64>(p) !== load<u64>(q)) return false;
    if (load<u64>(p, 8) !== load<u64>(q, 8)) return false;
    if (load<u64>(p, 24) !== load<u64>(q, 24)) return false;
    if (load<u64>(p, 16) !== load<u64>(q, 16)) return false;
    return load<u64>(p, 32) === load<u64>(q, 32);
  }
}
