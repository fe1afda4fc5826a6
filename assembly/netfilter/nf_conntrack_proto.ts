/**
 * What a packet does to its connection, by protocol; those without a tracker of their own, and what all share.
 * Linux: nf_conntrack_proto.c, nf_conntrack_proto_generic.c, nf_conntrack_proto_gre.c, net/netfilter/utils.c.
 *
 * A tracker returns NF_ACCEPT, or a verdict turned negative: the packet is invalid, and goes on without a connection
 * (-NF_ACCEPT), is dropped (-NF_DROP, which is 0), or belongs to a new connection (-NF_REPEAT).
 */
import { CtInvalid } from '../abi/nf_conntrack';
import { EventType } from '../abi/event';
import { Sysctl } from '../abi/sysctl';
import { skbCsumValid } from '../dev/checksum_help';
import { eventEmit } from '../dev/event';
import { NetDevice } from '../dev/net_device';
import { csumFold, csumIpv6Nofold, csumTcpUdpNofold } from '../lib/checksum';
import { NF_ACCEPT, NetfilterHook } from '../net/hooks';
import { AF_INET, Net, sysctl } from '../net/net';
import { SkBuff } from '../skb/sk_buff';
import { skbChecksum } from '../skb/skbuff';
import { IPS_ASSURED, IPS_SEEN_REPLY, NfConn, nfCtTimeoutSysctl } from './nf_conntrack';
import { nfCtRefreshAcct } from './nf_conntrack_acct';
import { nfCtPolicyTimeout } from './nf_conntrack_timeout';
import { IPPROTO_UDPLITE } from './nf_conntrack_tuple';

/** All protocols, in nf_conntrack_log_invalid. */
const LOG_INVALID_ALL: i32 = 255;

/** Invalid: told to the host while nf_conntrack_log_invalid wants the protocol. Linux: nf_l4proto_log_invalid. */
export function nfCtLogInvalid(net: Net, skb: SkBuff, proto: u32, why: CtInvalid): void {
  const wanted = sysctl(net, Sysctl.NF_CONNTRACK_LOG_INVALID);
  if (wanted === 0 || (wanted !== <i32>proto && wanted !== LOG_INVALID_ALL)) return;
  const ifindex = skb.dev === 0 ? 0 : changetype<NetDevice>(skb.dev).ifindex;
  eventEmit(EventType.CT_INVALID, proto, net, ifindex, why, 0);
}

/** A bad checksum of a packet that came from outside, where that is looked at. `len` bytes from `dataoff` are summed. */
export function nfCtBadChecksum(
  net: Net,
  skb: SkBuff,
  hook: u32,
  l3num: u32,
  dataoff: u32,
  len: u32,
  proto: u32,
): bool {
  if (hook !== <u32>NetfilterHook.PRE_ROUTING || sysctl(net, Sysctl.NF_CONNTRACK_CHECKSUM) === 0)
    return false;
  const iph = skb.networkHeader;
  let sum: u32 = 0;
  if (l3num === AF_INET) {
    // ICMP has no pseudo header.
    if (proto !== 1) sum = csumTcpUdpNofold(load<u32>(iph, 12), load<u32>(iph, 16), len, proto, 0);
  } else {
    sum = csumIpv6Nofold(iph + 8, iph + 24, len, proto, 0);
  }
  return !skbCsumValid(skb, dataoff, len, sum);
}

/** The same of UDP-Lite: `coverage` of its `total` bytes are summed, the pseudo header has the whole length (RFC 3828 §3.1). */
export function nfCtBadCoverage(
  net: Net,
  skb: SkBuff,
  hook: u32,
  l3num: u32,
  dataoff: u32,
  coverage: u32,
  total: u32,
): bool {
  if (hook !== <u32>NetfilterHook.PRE_ROUTING || sysctl(net, Sysctl.NF_CONNTRACK_CHECKSUM) === 0)
    return false;
  const iph = skb.networkHeader;
  const sum =
    l3num === AF_INET
      ? csumTcpUdpNofold(load<u32>(iph, 12), load<u32>(iph, 16), total, IPPROTO_UDPLITE, 0)
      : csumIpv6Nofold(iph + 8, iph + 24, total, IPPROTO_UDPLITE, 0);
  return csumFold(skbChecksum(skb, dataoff, coverage, sum)) !== 0;
}

/** Any protocol: it lives as long as something comes. */
export function nfCtGenericPacket(net: Net, ct: NfConn, skb: SkBuff, info: u32): i32 {
  const policy = nfCtPolicyTimeout(ct, 0);
  const timeout = policy !== 0 ? policy : nfCtTimeoutSysctl(net, Sysctl.NF_CONNTRACK_GENERIC_TIMEOUT);
  nfCtRefreshAcct(ct, info, skb, timeout);
  return NF_ACCEPT;
}

/** Linux: nf_conntrack_gre_packet. */
export function nfCtGrePacket(net: Net, ct: NfConn, skb: SkBuff, info: u32): i32 {
  const both = (ct.status & IPS_SEEN_REPLY) !== 0;
  const policy = nfCtPolicyTimeout(ct, both ? 1 : 0);
  const id = both ? Sysctl.NF_CONNTRACK_GRE_TIMEOUT_STREAM : Sysctl.NF_CONNTRACK_GRE_TIMEOUT;
  nfCtRefreshAcct(ct, info, skb, policy !== 0 ? policy : nfCtTimeoutSysctl(net, id));
  if (both) ct.status |= IPS_ASSURED;
  return NF_ACCEPT;
}
