/**
 * GRO of TCP: segments that continue each other become one packet. Linux: net/ipv4/tcp_offload.c, tcp_gro_receive.
 *
 *   new flow, payload, none of URG PSH RST SYN FIN ─► held
 *   continues the held one                         ─► merged; shorter than the others, FIN or PSH: that was the last
 *   anything else of its flow                      ─► the held one goes up first
 */
import { SkBuff, skbHeadlen } from '../skb/sk_buff';
import { IPPROTO_TCP } from '../wire/ipv4';
import {
  TCP_CHECK_OFFSET,
  TCP_HDR_LEN,
  TCPHDR_CWR,
  TCPHDR_FIN,
  TCPHDR_PSH,
  TCPHDR_RST,
  TCPHDR_SYN,
  TCPHDR_URG,
  tcpDoff,
  tcpSeq,
} from '../wire/tcp';
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

/** Flags that stand alone. */
const ALONE: u32 = TCPHDR_URG | TCPHDR_PSH | TCPHDR_RST | TCPHDR_SYN | TCPHDR_FIN;
/** In the word at 12 (offset, flags, window), as a little-endian load shows it: what segments may differ in. */
const MAY_DIFFER: u32 = (TCPHDR_CWR | TCPHDR_FIN | TCPHDR_PSH) << 8;

/** `skb` ends where its IP header says, which is `nhlen` long. Returns the new n of `list`. */
export function groTcp(table: usize, skb: SkBuff, nhlen: u32, list: usize, n: u32): u32 {
  const headlen = skbHeadlen(skb);
  const th = skb.data + nhlen;
  const hlen: u32 = headlen < nhlen + TCP_HDR_LEN ? 0 : nhlen + tcpDoff(th);
  if (hlen < nhlen + TCP_HDR_LEN || hlen > headlen) {
    if (!groEmpty(table)) n = groReleaseAddrs(table, skb, list, n);
    return goUp(skb, list, n);
  }
  const payload = skb.len - hlen;
  const flags = <u32>load<u8>(th, 13);
  const hash = groHash(skb.data, nhlen);
  const link: usize = groEmpty(table) ? 0 : groFind(table, skb, hash, nhlen);
  if (link !== 0) {
    const p = changetype<SkBuff>(load<u32>(link));
    if (continues(p, skb, nhlen, hlen, payload) && bothValid(p, skb, nhlen) && merge(p, skb, nhlen, hlen)) {
      const last = payload < groCb(p).mss || (flags & (TCPHDR_FIN | TCPHDR_PSH)) !== 0;
      return last ? groRelease(table, link, list, n) : n;
    }
    n = groRelease(table, link, list, n);
  }
  if (payload === 0 || (flags & ALONE) !== 0 || skb.gsoSize !== 0) return goUp(skb, list, n);
  groBegin(skb, hash, hlen).seq = tcpSeq(th) + payload;
  return groHold(table, skb, hash, list, n);
}

function goUp(skb: SkBuff, list: usize, n: u32): u32 {
  store<u32>(list + (n << 2), changetype<usize>(skb));
  return n + 1;
}

/** `skb` is the next segment of the held `p`, and has nothing that its headers do not say. */
function continues(p: SkBuff, skb: SkBuff, nhlen: u32, hlen: u32, payload: u32): bool {
  const cb = groCb(p);
  const a = p.data + nhlen;
  const b = skb.data + nhlen;
  if (cb.seq !== tcpSeq(b) || payload === 0 || payload > cb.mss || cb.hlen !== hlen) return false;
  if (p.len + payload > GRO_MAX_LEN || skb.gsoSize !== 0) return false;
  const word = load<u32>(b, 12);
  if (((word ^ load<u32>(a, 12)) & ~MAY_DIFFER) !== 0 || (word & (TCPHDR_CWR << 8)) !== 0) return false;
  // Acknowledgement number, urgent pointer.
  if (load<u32>(a, 8) !== load<u32>(b, 8) || load<u16>(a, 18) !== load<u16>(b, 18)) return false;
  for (let i: u32 = TCP_HDR_LEN; i < hlen - nhlen; i += 4) {
    if (load<u32>(a + i) !== load<u32>(b + i)) return false;
  }
  return groSameHeaders(p, skb, nhlen);
}

/** The first segment's checksum is looked at only now that there is a second one: a packet alone goes as it came. */
function bothValid(p: SkBuff, skb: SkBuff, nhlen: u32): bool {
  const cb = groCb(p);
  if ((cb.flags & GRO_VERIFIED) === 0) {
    if (!valid(p, nhlen)) return false;
    cb.flags |= GRO_VERIFIED;
  }
  return valid(skb, nhlen);
}

/** 0xffff would verify, too, where 0 belongs, but GSO would not write it again. */
function valid(skb: SkBuff, nhlen: u32): bool {
  if (!groCsumValid(skb, nhlen, IPPROTO_TCP, TCP_CHECK_OFFSET)) return false;
  return load<u16>(skb.data + nhlen, TCP_CHECK_OFFSET) !== 0xffff;
}

function merge(p: SkBuff, skb: SkBuff, nhlen: u32, hlen: u32): bool {
  const iph = skb.data;
  const payload = skb.len - hlen;
  const flags = load<u8>(iph + nhlen, 13) & <u8>(TCPHDR_FIN | TCPHDR_PSH);
  // The slot of a segment without linear payload may be given back by the merge, its bytes stay until the next alloc.
  if (!groMerge(p, skb, hlen)) return false;
  groNoteId(p, iph, nhlen);
  if (flags !== 0) {
    const th = p.data + nhlen;
    store<u8>(th, load<u8>(th, 13) | flags, 13);
  }
  const cb = groCb(p);
  cb.seq += payload;
  cb.count++;
  return true;
}
