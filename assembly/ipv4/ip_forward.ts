/**
 * ip_forward: a packet that is not for us goes on. Linux: net/ipv4/ip_forward.c.
 *
 *   TTL ─► MTU ─► FORWARD hook ─► options ─► ipOutput
 */
import { TraceKind } from '../abi/trace';
import { traceEvent } from '../skb/trace';
import { root } from '../lib/root';
import { SkbDropReason } from '../abi/drop_reason';
import { Mib } from '../abi/snmp';
import { Sysctl } from '../abi/sysctl';
import { NetDevice } from '../dev/net_device';
import { nfHook } from '../dev/nf_hook';
import { skbGsoValidateNetworkLen } from '../dev/gso_len';
import { NFPROTO_IPV4, NetfilterHook } from '../net/hooks';
import { Net, mibInc, sysctl } from '../net/net';
import { FibNh } from '../route/fib';
import { kfreeSkbReason } from '../skb/free';
import { PACKET_HOST, SKB_F_FORWARDED, SKB_F_IGNORE_DF, SkBuff } from '../skb/sk_buff';
import { skbCowHead } from '../skb/skbuff';
import { icmpSend } from './icmp';
import { ipFragMaxSize, ipOptionsForward, ipOptionsIsStrictRoute } from './ip_options';
import { ipOutput } from './ip_output';
import { ipDstMtu } from './route';
import { ipSendRedirect } from './redirect';

const ICMP_DEST_UNREACH: u32 = 3;
const ICMP_FRAG_NEEDED: u32 = 4;
const ICMP_SR_FAILED: u32 = 5;
const ICMP_TIME_EXCEEDED: u32 = 11;
const IP_DF: u16 = 0x4000;
/** Bytes of link-layer header that the next device may put in front. */
const LL_HEADROOM: u32 = 32;

/** Linux: rt_tos2priority over ip_tos2prio: by the four TOS bits (RFC 1349), of which the last is now part of ECN. */
const TOS2PRIO = memory.data<u8>([0, 0, 0, 0, 2, 2, 2, 2, 6, 6, 6, 6, 4, 4, 4, 4]);

/** The priority that a forwarded packet gets by its TOS byte. */
export function ipTos2prio(tos: u32): u32 {
  return tos === 0 ? 0 : load<u8>(TOS2PRIO + ((tos & 0x1e) >> 1));
}

/** Owns the skb (data at its IPv4 header, which is sound). `nh` is the route's next hop, `daddr` in host order. */
export function ipForward(net: Net, skb: SkBuff, nh: FibNh, daddr: u32, redirect: bool): void {
  // "that should never happen": only frames addressed to us are forwarded.
  if (skb.pktType !== PACKET_HOST) {
    kfreeSkbReason(skb, SkbDropReason.IP_INVALID_DEST);
    return;
  }
  let iph = skb.networkHeader;
  // RFC 1812 §5.3.1: a router must not forward a datagram with a TTL of zero or one.
  if (load<u8>(iph, 8) <= 1) {
    mibInc(net, Mib.IpInHdrErrors);
    icmpSend(skb, ICMP_TIME_EXCEEDED, 0, 0);
    kfreeSkbReason(skb, SkbDropReason.IP_TTL);
    return;
  }
  const options = load<u8>(iph) !== 0x45;
  // RFC 791 §3.1: with a strict source route the next address must be directly connected.
  if (options && nh.gwFamily !== 0 && ipOptionsIsStrictRoute(skb)) {
    icmpSend(skb, ICMP_DEST_UNREACH, ICMP_SR_FAILED, 0);
    kfreeSkbReason(skb, SkbDropReason.IP_OPTIONS);
    return;
  }
  const mtu = ipDstMtu(net, nh, daddr, true);
  if (skb.len > mtu && exceedsMtu(skb, iph, mtu)) {
    mibInc(net, Mib.IpFragFails);
    icmpSend(skb, ICMP_DEST_UNREACH, ICMP_FRAG_NEEDED, mtu);
    kfreeSkbReason(skb, SkbDropReason.PKT_TOO_BIG);
    return;
  }
  if (!skbCowHead(skb, LL_HEADROOM)) {
    mibInc(net, Mib.IpInDiscards);
    kfreeSkbReason(skb, SkbDropReason.NOMEM);
    return;
  }
  iph = skb.networkHeader;
  decreaseTtl(iph);
  if (redirect && !options) ipSendRedirect(net, skb, nh, daddr);
  if (sysctl(net, Sysctl.IP_FORWARD_UPDATE_PRIORITY) !== 0) skb.priority = ipTos2prio(load<u8>(iph, 1));
  skb.flags |= SKB_F_FORWARDED;
  if (root().trace !== 0)
    traceEvent(TraceKind.FORWARD, 0, changetype<usize>(skb), nh.dev, load<u8>(iph, 8), mtu);
  if (net.hookCount !== 0 && !nfHook(net, NFPROTO_IPV4, NetfilterHook.FORWARD, skb, skb.dev, nh.dev)) return;
  forwardFinish(net, skb, nh, options);
}

function forwardFinish(net: Net, skb: SkBuff, nh: FibNh, options: bool): void {
  mibInc(net, Mib.IpForwDatagrams);
  if (options) ipOptionsForward(skb);
  ipOutput(net, skb, nh);
}

/** A packet that comes back from a queue at FORWARD, its route found anew. */
export function ipForwardResume(skb: SkBuff): void {
  const net = changetype<NetDevice>(skb.dev).net;
  forwardFinish(net, skb, changetype<FibNh>(skb.dst), load<u8>(skb.networkHeader) !== 0x45);
}

/** Linux: ip_exceeds_mtu, for a packet longer than the MTU: true when it may not be fragmented. */
function exceedsMtu(skb: SkBuff, iph: usize, mtu: u32): bool {
  if ((bswap<u16>(load<u16>(iph, 6)) & IP_DF) === 0) return false;
  if (ipFragMaxSize(skb) > mtu) return true;
  if ((skb.flags & SKB_F_IGNORE_DF) !== 0) return false;
  return skb.gsoSize === 0 || !skbGsoValidateNetworkLen(skb, mtu);
}

/** RFC 1141: the checksum follows the TTL by one addition. */
function decreaseTtl(iph: usize): void {
  store<u8>(iph, load<u8>(iph, 8) - 1, 8);
  const sum = <u32>load<u16>(iph, 10) + 1;
  store<u16>(iph, <u16>(sum + (sum >= 0xffff ? 1 : 0)), 10);
}
