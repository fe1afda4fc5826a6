/**
 * NAT for helpers: expected connections follow their master, and payload is rewritten. Linux: nf_nat_helper.c,
 * nf_nat_core.c (nf_nat_follow_master).
 */
import { csumFold, csumIpv6Nofold, csumTcpUdpNofold, ipFastCsum } from '../lib/checksum';
import { Scratch, scratch } from '../lib/scratch';
import { AF_INET } from '../net/net';
import { CHECKSUM_COMPLETE, CHECKSUM_NONE, CHECKSUM_PARTIAL, SkBuff } from '../skb/sk_buff';
import { skbChecksum, skbLinearize, skbUnshare } from '../skb/skbuff';
import { NfConn, nfTuple } from './nf_conntrack';
import { NfExpect } from './nf_conntrack_expect';
import { nfCtSeqadjSet } from './nf_conntrack_seqadj';
import { IPPROTO_TCP } from './nf_conntrack_tuple';
import {
  NF_NAT_MANIP_DST,
  NF_NAT_MANIP_SRC,
  NF_NAT_RANGE_BYTES,
  NF_NAT_RANGE_MAP_IPS,
  NF_NAT_RANGE_PROTO_SPECIFIED,
  NfNatRange,
} from './nf_nat';
import { nfNatSetupInfo } from './nf_nat_core';

/** An expected connection goes where its master goes, from where its master comes. */
export function nfNatFollowMaster(ct: NfConn, exp: NfExpect): void {
  const master = changetype<NfConn>(exp.master);
  const back = nfTuple(master, <u32>exp.dir ^ 1);
  const range = changetype<NfNatRange>(scratch(Scratch.NF_NAT_RANGE));
  memory.fill(changetype<usize>(range), 0, NF_NAT_RANGE_BYTES);
  range.flags = NF_NAT_RANGE_MAP_IPS;
  range.min0 = back.dst0;
  range.min1 = back.dst1;
  range.max0 = back.dst0;
  range.max1 = back.dst1;
  nfNatSetupInfo(ct, range, NF_NAT_MANIP_SRC);
  range.flags = NF_NAT_RANGE_MAP_IPS | NF_NAT_RANGE_PROTO_SPECIFIED;
  range.minProto = exp.savedPort;
  range.maxProto = exp.savedPort;
  range.min0 = back.src0;
  range.min1 = back.src1;
  range.max0 = back.src0;
  range.max1 = back.src1;
  nfNatSetupInfo(ct, range, NF_NAT_MANIP_DST);
}

/**
 * Replaces `oldLen` bytes of TCP payload, `at` bytes behind its begin, by the `len` bytes at `bytes`. The IP header is
 * at data, the TCP header at `dataoff`. False: no room. Linux: nf_nat_mangle_tcp_packet.
 */
export function nfNatMangleTcp(
  skb: SkBuff,
  ct: NfConn,
  info: u32,
  dataoff: u32,
  at: u32,
  oldLen: u32,
  bytes: usize,
  len: u32,
): bool {
  if (!skbLinearize(skb) || !skbUnshare(skb, len > oldLen ? len - oldLen : 0)) return false;
  const th = skb.data + dataoff;
  const doff = (<u32>load<u8>(th, 12) >> 4) << 2;
  const from = dataoff + doff + at;
  if (from > skb.len || oldLen > skb.len - from) return false;
  const p = skb.data + from;
  memory.copy(p + len, p + oldLen, skb.len - from - oldLen);
  memory.copy(p, bytes, len);
  skb.len += len - oldLen;
  const grown = <i32>len - <i32>oldLen;
  if (skb.ipSummed === CHECKSUM_COMPLETE) skb.ipSummed = CHECKSUM_NONE;
  const iph = skb.data;
  const bytesOf = skb.len - dataoff;
  const v4 = load<u8>(iph) >> 4 === 4;
  if (v4) {
    store<u16>(iph, bswap<u16>(<u16>skb.len), 2);
    store<u16>(iph, 0, 10);
    store<u16>(iph, ipFastCsum(iph, <u32>load<u8>(iph) & 15), 10);
  } else {
    store<u16>(iph, bswap<u16>(<u16>(skb.len - 40)), 4);
  }
  const partial = skb.ipSummed === CHECKSUM_PARTIAL;
  store<u16>(th, 0, 16);
  const sum = partial ? 0 : skbChecksum(skb, dataoff, bytesOf, 0);
  const whole = v4
    ? csumTcpUdpNofold(load<u32>(iph, 12), load<u32>(iph, 16), bytesOf, IPPROTO_TCP, sum)
    : csumIpv6Nofold(iph + 8, iph + 24, bytesOf, IPPROTO_TCP, sum);
  store<u16>(th, partial ? ~csumFold(whole) : csumFold(whole), 16);
  if (grown !== 0) nfCtSeqadjSet(ct, info, bswap<u32>(load<u32>(th, 4)), grown);
  return true;
}

/** AF_INET of a connection. */
export function nfConnIsV4(ct: NfConn): bool {
  return <u32>nfTuple(ct, 0).l3num === AF_INET;
}
