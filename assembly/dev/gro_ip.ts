/**
 * What GRO asks of the headers below the transport: that two packets are of one flow, and that nothing would be lost
 * by taking the first one's headers for both. Linux: inet_gro_receive, inet_gro_flush, ipv6_gro_receive.
 */
import { csumFold, csumIpv6Nofold, csumPartial, csumTcpUdpNofold, ipFastCsum } from '../lib/checksum';
import { CHECKSUM_PARTIAL, CHECKSUM_UNNECESSARY, SkBuff, skbHeadlen } from '../skb/sk_buff';
import { skbChecksum, skbTrim } from '../skb/skbuff';
import { IPPROTO_TCP, IPV4_HDR_LEN, ipv4TotLen } from '../wire/ipv4';
import { IPV6_HDR_LEN, ipv6PayloadLen, ipv6Version } from '../wire/ipv6';
import { TCP_CHECK_OFFSET } from '../wire/tcp';
import { UDP_CHECK_OFFSET } from '../wire/udp';
import { GRO_FIXED_ID, groCb, groEmpty, groFirst, groNext, groRecent } from './gro_table';

/** IP_DF and all other bits of the fragment field, as a little-endian load shows them. */
const DF_LE: u32 = 0x0040;
const NOT_DF_LE: u32 = 0xffbf;

/** True when the IPv4 header may be merged; what lies behind tot_len (an Ethernet frame's padding) is cut off. */
export function groCheckIpv4(skb: SkBuff): bool {
  if (skbHeadlen(skb) < IPV4_HDR_LEN) return false;
  const iph = skb.data;
  if (load<u8>(iph) !== 0x45 || (<u32>load<u16>(iph, 6) & NOT_DF_LE) !== 0) return false;
  // A checksum of 0xffff is right, too, but not what would be written instead of it.
  if (ipFastCsum(iph, 5) !== 0 || load<u16>(iph, 10) === 0xffff) return false;
  const totLen = ipv4TotLen(iph);
  if (totLen > skb.len || totLen < IPV4_HDR_LEN) return false;
  if (totLen < skb.len) skbTrim(skb, totLen);
  return true;
}

export function groCheckIpv6(skb: SkBuff): bool {
  if (skbHeadlen(skb) < IPV6_HDR_LEN || ipv6Version(skb.data) !== 6) return false;
  const payloadLen = ipv6PayloadLen(skb.data);
  if (payloadLen > skb.len - IPV6_HDR_LEN) return false;
  if (payloadLen < skb.len - IPV6_HDR_LEN) skbTrim(skb, payloadLen + IPV6_HDR_LEN);
  return true;
}

/** A hash of addresses and ports; the headers are linear. */
export function groHash(iph: usize, nhlen: u32): u32 {
  let h = load<u32>(iph + nhlen) * 0x9e3779b1;
  if (nhlen === IPV4_HDR_LEN) {
    h ^= load<u32>(iph, 12) ^ rotl<u32>(load<u32>(iph, 16), 13);
  } else {
    const source = load<u64>(iph, 8) ^ rotl<u64>(load<u64>(iph, 16), 17);
    const both = source ^ rotl<u64>(load<u64>(iph, 24), 29) ^ rotl<u64>(load<u64>(iph, 32), 43);
    h ^= <u32>both ^ <u32>(both >> 32);
  }
  h ^= h >> 15;
  h *= 0x85ebca6b;
  return h ^ (h >> 13);
}

/** Address of the link to the held packet of the same protocol, addresses and ports; 0 when there is none. */
export function groFind(table: usize, skb: SkBuff, nhlen: u32): usize {
  if (groEmpty(table)) return 0;
  let link = groRecent(table);
  if (link !== 0 && sameFlow(changetype<SkBuff>(load<u32>(link)), skb, nhlen)) return link;
  const hash = groHash(skb.data, nhlen);
  link = groFirst(table, hash);
  while (link !== 0 && !sameFlow(changetype<SkBuff>(load<u32>(link)), skb, nhlen)) link = groNext(link, hash);
  return link;
}

function sameFlow(p: SkBuff, skb: SkBuff, nhlen: u32): bool {
  const a = p.data;
  const b = skb.data;
  if (p.protocol !== skb.protocol || load<u32>(a + nhlen) !== load<u32>(b + nhlen)) return false;
  if (nhlen === IPV4_HDR_LEN)
    return load<u8>(a, 9) === load<u8>(b, 9) && load<u64>(a, 12) === load<u64>(b, 12);
  return (
    load<u8>(a, 6) === load<u8>(b, 6) &&
    load<u64>(a, 8) === load<u64>(b, 8) &&
    load<u64>(a, 16) === load<u64>(b, 16) &&
    load<u64>(a, 24) === load<u64>(b, 24) &&
    load<u64>(a, 32) === load<u64>(b, 32)
  );
}

/** All of the Ethernet and IP headers that must be equal is, and the IPv4 id is the one that must come next. */
export function groSameHeaders(p: SkBuff, skb: SkBuff, nhlen: u32): bool {
  const ma = p.macHeader;
  const mb = skb.macHeader;
  if (load<u64>(ma) !== load<u64>(mb) || load<u32>(ma, 8) !== load<u32>(mb, 8)) return false;
  if (load<u16>(ma, 12) !== load<u16>(mb, 12)) return false;
  if (p.vlanTci !== skb.vlanTci || p.vlanProto !== skb.vlanProto) return false;
  const a = p.data;
  const b = skb.data;
  // Version, traffic class and flow label; hop limit (and next header).
  if (nhlen === IPV6_HDR_LEN) return load<u32>(a) === load<u32>(b) && load<u16>(a, 6) === load<u16>(b, 6);
  // TOS (and 0x45); DF; TTL (and protocol).
  if (load<u16>(a) !== load<u16>(b) || load<u16>(a, 6) !== load<u16>(b, 6)) return false;
  if (load<u16>(a, 8) !== load<u16>(b, 8)) return false;
  const cb = groCb(p);
  const step = idStep(a, b);
  if (cb.count === 1) return step === 1 || (step === 0 && (<u32>load<u16>(a, 6) & DF_LE) !== 0);
  return step === ((cb.flags & GRO_FIXED_ID) !== 0 ? 0 : cb.count);
}

function idStep(a: usize, b: usize): u32 {
  return (<u32>bswap<u16>(load<u16>(b, 4)) - <u32>bswap<u16>(load<u16>(a, 4))) & 0xffff;
}

/** IPv4, and both have the same id: all that follow must have it, too. */
export function groSameId(p: SkBuff, skb: SkBuff, nhlen: u32): bool {
  return nhlen === IPV4_HDR_LEN && load<u16>(p.data, 4) === load<u16>(skb.data, 4);
}

/** The transport checksum is right, or somebody vouches for it. GSO will write the right one: a wrong one must not merge. */
export function groCsumValid(skb: SkBuff, nhlen: u32, proto: u32): bool {
  if (skb.ipSummed === CHECKSUM_UNNECESSARY) return true;
  const th = skb.data + nhlen;
  if (skb.ipSummed === CHECKSUM_PARTIAL) {
    const checkOffset = proto === IPPROTO_TCP ? TCP_CHECK_OFFSET : UDP_CHECK_OFFSET;
    return skb.head + skb.csumStart === th && <u32>skb.csumOffset === checkOffset;
  }
  const len = skb.len - nhlen;
  const iph = skb.data;
  const pseudo =
    nhlen === IPV4_HDR_LEN
      ? csumTcpUdpNofold(load<u32>(iph, 12), load<u32>(iph, 16), len, proto, 0)
      : csumIpv6Nofold(iph + 8, iph + 24, len, proto, 0);
  if (skb.dataLen === 0) return csumFold(csumPartial(th, len, pseudo)) === 0;
  return csumFold(skbChecksum(skb, nhlen, len, pseudo)) === 0;
}
