/**
 * GRO of UDP for forwarding (NetifF.GRO_UDP_FWD): datagrams of one flow and one length become a UDP_L4 packet, which
 * GSO turns into the same datagrams again. Linux: udp_gro_receive_segment (net/ipv4/udp_offload.c).
 */
import { SkBuff, skbHeadlen } from '../skb/sk_buff';
import { IPPROTO_UDP } from '../wire/ipv4';
import { UDP_CHECK_OFFSET, UDP_HDR_LEN, udpCheckBe, udpLen } from '../wire/udp';
import { groBegin, groCsumValid, groFind, groHash, groNoteId, groSameHeaders } from './gro_ip';
import {
  GRO_MAX_LEN,
  GRO_VERIFIED,
  groCb,
  groEmpty,
  groHold,
  groMerge,
  groRelease,
  groReleaseAddrs,
} from './gro_table';

/** Linux: UDP_GRO_CNT_MAX. */
const UDP_GRO_CNT_MAX: u32 = 64;

/** `skb` ends where its IP header says, which is `nhlen` long. Returns the new n of `list`. */
export function groUdp(table: usize, skb: SkBuff, nhlen: u32, list: usize, n: u32): u32 {
  const hlen = nhlen + UDP_HDR_LEN;
  if (skbHeadlen(skb) < hlen) {
    if (!groEmpty(table)) n = groReleaseAddrs(table, skb, list, n);
    return goUp(skb, list, n);
  }
  const uh = skb.data + nhlen;
  const payload = skb.len - hlen;
  // GSO gives all segments a checksum, and lengths that agree with IP's.
  const plain = payload !== 0 && udpLen(uh) === skb.len - nhlen && udpCheckBe(uh) !== 0 && skb.gsoSize === 0;
  const hash = groHash(skb.data, nhlen);
  const link: usize = groEmpty(table) ? 0 : groFind(table, skb, hash, nhlen);
  if (link !== 0) {
    const p = changetype<SkBuff>(load<u32>(link));
    if (
      plain &&
      continues(p, skb, nhlen, payload) &&
      bothValid(p, skb, nhlen) &&
      merge(p, skb, nhlen, hlen)
    ) {
      const cb = groCb(p);
      return payload < cb.mss || cb.count === UDP_GRO_CNT_MAX ? groRelease(table, link, list, n) : n;
    }
    n = groRelease(table, link, list, n);
  }
  if (!plain) return goUp(skb, list, n);
  groBegin(skb, hash, hlen);
  return groHold(table, skb, hash, list, n);
}

function goUp(skb: SkBuff, list: usize, n: u32): u32 {
  store<u32>(list + (n << 2), changetype<usize>(skb));
  return n + 1;
}

function continues(p: SkBuff, skb: SkBuff, nhlen: u32, payload: u32): bool {
  return payload <= groCb(p).mss && p.len + payload <= GRO_MAX_LEN && groSameHeaders(p, skb, nhlen);
}

function bothValid(p: SkBuff, skb: SkBuff, nhlen: u32): bool {
  const cb = groCb(p);
  if ((cb.flags & GRO_VERIFIED) === 0) {
    if (!groCsumValid(p, nhlen, IPPROTO_UDP, UDP_CHECK_OFFSET)) return false;
    cb.flags |= GRO_VERIFIED;
  }
  return groCsumValid(skb, nhlen, IPPROTO_UDP, UDP_CHECK_OFFSET);
}

function merge(p: SkBuff, skb: SkBuff, nhlen: u32, hlen: u32): bool {
  const iph = skb.data;
  if (!groMerge(p, skb, hlen)) return false;
  groNoteId(p, iph, nhlen);
  groCb(p).count++;
  return true;
}
