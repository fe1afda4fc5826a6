/**
 * The short way of tracking: a plain TCP or UDP packet of a connection that is confirmed and answered. It does what
 * nfConntrackIn does to such a packet, without calls and without a tuple in memory; whatever is not plain it leaves as
 * it is to the long way, so that both give the same result (test/net/conntrack_fast).
 *
 *   no options, no fragment, no template ─► hash ─► node ─► confirmed, answered, alive ─┬► UDP stream: sum, timeout
 *                                                                                      └► TCP: its tracker
 */
import { Sysctl } from '../abi/sysctl';
import { csumFold, csumIpv6Nofold, csumPartial, csumTcpUdpNofold } from '../lib/checksum';
import { NF_ACCEPT, NF_REPEAT, NetfilterHook } from '../net/hooks';
import { AF_INET, AF_INET6, Net, sysctl } from '../net/net';
import { nfctPut } from '../skb/nfct';
import { CHECKSUM_COMPLETE, CHECKSUM_NONE, CHECKSUM_UNNECESSARY, SkBuff, skbHeadlen } from '../skb/sk_buff';
import { IPV4_HDR_LEN } from '../wire/ipv4';
import { IPV6_HDR_LEN } from '../wire/ipv6';
import {
  IPS_ASSURED,
  IPS_CONFIRMED,
  IPS_DYING,
  IPS_FIXED_TIMEOUT,
  IPS_SEEN_REPLY,
  IP_CT_ESTABLISHED,
  IP_CT_ESTABLISHED_REPLY,
  NF_CT_EXTRA_ACCT,
  NF_CT_EXTRA_POLICY,
  NF_NODE_REPLY,
  NfConn,
  NfCtNet,
  nfCtNet,
  nfCtTimeoutSysctl,
  nfNodeConn,
  nfctTimeStamp,
} from './nf_conntrack';
import { nfCtAcctUpdate, nfCtRefresh } from './nf_conntrack_acct';
import { nfCtTcpPacket } from './nf_conntrack_proto_tcp';
import { nfCtScratchTuple } from './nf_conntrack_table';
import { IPPROTO_TCP, IPPROTO_UDP, NfHash } from './nf_conntrack_tuple';

/** The packet takes the long way; nothing was done to it. */
export const NF_CT_LONG_WAY: i32 = 0x100;

const FIRST_BYTE_PLAIN: u8 = 0x45;
/** MF and offset as they lie in memory. */
const FRAGMENT_BITS_BE: u16 = 0xff3f;
const UDP_HDR_LEN: u32 = 8;
const KNOWN: u32 = IPS_CONFIRMED | IPS_SEEN_REPLY;
const KNOWN_MASK: u32 = KNOWN | IPS_DYING;
const STREAM: u32 = IPS_ASSURED;
const STREAM_MASK: u32 = IPS_ASSURED | IPS_FIXED_TIMEOUT;

/** NF_ACCEPT, -1 turned positive as nfConntrackIn gives them, or NF_CT_LONG_WAY. The skb has no connection yet. */
export function nfConntrackFast4(net: Net, skb: SkBuff, hook: u32): i32 {
  const iph = skb.data;
  const linear = skbHeadlen(skb);
  if (linear < IPV4_HDR_LEN + UDP_HDR_LEN) return NF_CT_LONG_WAY;
  if (load<u8>(iph) !== FIRST_BYTE_PLAIN) return NF_CT_LONG_WAY;
  if ((load<u16>(iph, 6) & FRAGMENT_BITS_BE) !== 0) return NF_CT_LONG_WAY;
  const proto = <u32>load<u8>(iph, 9);
  if (proto !== IPPROTO_UDP) {
    if (proto !== IPPROTO_TCP) return NF_CT_LONG_WAY;
  }
  const ctnet = nfCtNet(net);
  const src = load<u32>(iph, 12);
  const dst = load<u32>(iph, 16);
  const word = <u64>load<u32>(iph, IPV4_HDR_LEN) | ((<u64>proto | ((<u64>AF_INET) << 8)) << 32);
  const hash = NfHash.ipv4(ctnet, word, src, dst);
  let node = load<u32>(ctnet.buckets + ((hash & ctnet.mask) << 2));
  for (;;) {
    if (node === 0) return NF_CT_LONG_WAY;
    if (load<u64>(node, 8) === word) {
      if (load<u64>(node, 16) === <u64>src) {
        if (load<u64>(node, 32) === <u64>dst) break;
      }
    }
    node = load<u32>(node);
  }
  return Found.packet(net, ctnet, skb, node, proto, IPV4_HDR_LEN, linear, hook, AF_INET);
}

/** The same for IPv6. */
export function nfConntrackFast6(net: Net, skb: SkBuff, hook: u32): i32 {
  const ip6h = skb.data;
  const linear = skbHeadlen(skb);
  if (linear < IPV6_HDR_LEN + UDP_HDR_LEN) return NF_CT_LONG_WAY;
  const proto = <u32>load<u8>(ip6h, 6);
  if (proto !== IPPROTO_UDP) {
    if (proto !== IPPROTO_TCP) return NF_CT_LONG_WAY;
  }
  const ctnet = nfCtNet(net);
  const tuple = nfCtScratchTuple();
  const word = <u64>load<u32>(ip6h, IPV6_HDR_LEN) | ((<u64>proto | ((<u64>AF_INET6) << 8)) << 32);
  store<u64>(changetype<usize>(tuple), word);
  tuple.src0 = load<u64>(ip6h, 8);
  tuple.src1 = load<u64>(ip6h, 16);
  tuple.dst0 = load<u64>(ip6h, 24);
  tuple.dst1 = load<u64>(ip6h, 32);
  const hash = NfHash.of(ctnet, tuple);
  let node = load<u32>(ctnet.buckets + ((hash & ctnet.mask) << 2));
  for (;;) {
    if (node === 0) return NF_CT_LONG_WAY;
    if (NfHash.equal(node, tuple)) break;
    node = load<u32>(node);
  }
  return Found.packet(net, ctnet, skb, node, proto, IPV6_HDR_LEN, linear, hook, AF_INET6);
}

class Found {
  /** The packet is of the connection of `node`. */
  @inline
  static packet(
    net: Net,
    ctnet: NfCtNet,
    skb: SkBuff,
    node: usize,
    proto: u32,
    dataoff: u32,
    linear: u32,
    hook: u32,
    l3num: u32,
  ): i32 {
    const ct = nfNodeConn(node);
    const status = ct.status;
    if ((status & KNOWN_MASK) !== KNOWN) return NF_CT_LONG_WAY;
    const now = nfctTimeStamp(ctnet);
    const until = ct.timeout;
    if (<i32>(until - now) <= 0) return NF_CT_LONG_WAY;
    const info = (node & NF_NODE_REPLY) !== 0 ? IP_CT_ESTABLISHED_REPLY : IP_CT_ESTABLISHED;
    if (proto === IPPROTO_TCP) return tcp(net, ct, skb, dataoff, info, hook, l3num);
    if ((status & STREAM_MASK) !== STREAM) return NF_CT_LONG_WAY;
    const extras = ct.extras;
    if ((extras & NF_CT_EXTRA_POLICY) !== 0) return NF_CT_LONG_WAY;
    const len = <u32>bswap<u16>(load<u16>(skb.data + dataoff, 4));
    if (len !== skb.len - dataoff) return NF_CT_LONG_WAY;
    if (len < UDP_HDR_LEN) return NF_CT_LONG_WAY;
    if (skb.ipSummed === CHECKSUM_NONE) {
      if (load<u16>(skb.data + dataoff, 6) !== 0) {
        if (hook === <u32>NetfilterHook.PRE_ROUTING) {
          if (sysctl(net, Sysctl.NF_CONNTRACK_CHECKSUM) !== 0) {
            if (len > linear - dataoff) return NF_CT_LONG_WAY;
            if (!summed(skb.data, dataoff, len)) return NF_CT_LONG_WAY;
            skb.ipSummed = CHECKSUM_UNNECESSARY;
          }
        }
      }
    } else if (skb.ipSummed === CHECKSUM_COMPLETE) return NF_CT_LONG_WAY;
    skb.nfct = changetype<usize>(ct) | info;
    ct.use++;
    const ms = nfCtTimeoutSysctl(net, Sysctl.NF_CONNTRACK_UDP_TIMEOUT_STREAM);
    // Most packets of a burst find what the one before them wrote.
    if (until !== now + ms) {
      if (<i32>(now + ms - until) < 0) nfCtRefresh(ct, ms);
      else ct.timeout = now + ms;
    }
    if ((extras & NF_CT_EXTRA_ACCT) !== 0) nfCtAcctUpdate(ct, <u32>(info !== IP_CT_ESTABLISHED), skb.len);
    return NF_ACCEPT;
  }
}

/** The UDP checksum of `len` bytes at `dataoff` is right. */
function summed(iph: usize, dataoff: u32, len: u32): bool {
  const pseudo =
    dataoff === IPV4_HDR_LEN
      ? csumTcpUdpNofold(load<u32>(iph, 12), load<u32>(iph, 16), len, IPPROTO_UDP, 0)
      : csumIpv6Nofold(iph + 8, iph + 24, len, IPPROTO_UDP, 0);
  return csumFold(csumPartial(iph + dataoff, len, pseudo)) === 0;
}

function tcp(net: Net, ct: NfConn, skb: SkBuff, dataoff: u32, info: u32, hook: u32, l3num: u32): i32 {
  const nfct = changetype<usize>(ct) | info;
  skb.nfct = nfct;
  ct.use++;
  const verdict = nfCtTcpPacket(net, ct, skb, dataoff, info, hook, l3num);
  if (verdict > 0) return verdict;
  skb.nfct = 0;
  nfctPut(nfct);
  // The connection was over, and this opens it anew.
  return verdict === -NF_REPEAT ? NF_CT_LONG_WAY : verdict;
}
