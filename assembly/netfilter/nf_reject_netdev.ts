/**
 * Answers to frames that a rule rejects before anybody has routed them: they go back by the device that the frame came
 * by, to its sender, in the name of who it was for. Linux: net/netfilter/nft_reject_netdev.c, and nf_reject_skb_v4_* and
 * nf_reject_skb_v6_* of nf_reject_ipv4.c and nf_reject_ipv6.c.
 */
import { Ipv6Conf, Sysctl } from '../abi/sysctl';
import { devQueueXmit } from '../dev/xmit';
import { ipEmitHeader } from '../ipv4/ip_output';
import { ip6EmitHeader } from '../ipv6/ip6_output';
import { csumFold, csumIpv6Nofold, csumPartial, csumTcpUdpNofold, ipFastCsum } from '../lib/checksum';
import { Net, sysctl } from '../net/net';
import { consumeSkb } from '../skb/free';
import { allocSkb } from '../skb/pool';
import { SkBuff } from '../skb/sk_buff';
import { skbPut } from '../skb/skbuff';
import { ETH_HLEN, ETH_P_IP, ETH_P_IPV6 } from '../wire/ethernet';
import { ICMP_DEST_UNREACH, ICMP_HDR_LEN, emitIcmp } from '../wire/icmp';
import { IPPROTO_ICMP, IPPROTO_TCP, ipv4Daddr, ipv4DaddrBe, ipv4Saddr, ipv4SaddrBe } from '../wire/ipv4';
import { IPV6_HDR_LEN, NEXTHDR_ICMP, NEXTHDR_TCP, ipv6Daddr, ipv6Saddr } from '../wire/ipv6';
import { TCP_HDR_LEN, tcpSetCheckBe } from '../wire/tcp';
import { emitReset } from './nf_reject';

const ICMPV6_DEST_UNREACH: u32 = 1;

/** Room in front for IPv6's header and that of the link; null: no memory. */
function answer(dev: usize, bytes: u32): SkBuff | null {
  const skb = allocSkb(IPV6_HDR_LEN + bytes);
  if (skb === null) return null;
  skb.data += IPV6_HDR_LEN;
  skb.dev = dev;
  return skb;
}

/** Back to the frame's sender, from the address that it was sent to. */
function transmit(skb: SkBuff, old: SkBuff, protocol: u16): void {
  const mac = old.macHeader;
  skb.protocol = protocol;
  skb.data -= ETH_HLEN;
  skb.len += ETH_HLEN;
  const eth = skb.data;
  skb.macHeader = eth;
  memory.copy(eth, mac + 6, 6);
  memory.copy(eth + 6, mac, 6);
  store<u16>(eth, bswap<u16>(protocol), 12);
  devQueueXmit(skb);
}

function transmit4(net: Net, skb: SkBuff, old: SkBuff, iph: usize, proto: u32): void {
  const ttl = <u32>sysctl(net, Sysctl.IP_DEFAULT_TTL);
  ipEmitHeader(skb, ipv4Daddr(iph), ipv4Saddr(iph), 0, ttl, proto, true, 0, 0);
  const hdr = skb.data;
  store<u16>(hdr, bswap<u16>(<u16>skb.len), 2);
  store<u16>(hdr, ipFastCsum(hdr, 5), 10);
  transmit(skb, old, <u16>ETH_P_IP);
}

function transmit6(net: Net, skb: SkBuff, old: SkBuff, hdr: usize, proto: u32): void {
  const len = skb.len;
  const hopLimit = load<i32>(net.conf6All + (Ipv6Conf.HOP_LIMIT << 2));
  ip6EmitHeader(skb, ipv6Daddr(hdr), ipv6Saddr(hdr), 0, <u32>hopLimit, proto);
  store<u16>(skb.data, bswap<u16>(<u16>len), 4);
  transmit(skb, old, <u16>ETH_P_IPV6);
}

/** Destination unreachable with `code`, and the first `quoted` bytes from the header at `iph` on, which are linear. */
export function nfFrameUnreach4(net: Net, old: SkBuff, dev: usize, iph: usize, quoted: u32, code: u32): void {
  const skb = answer(dev, ICMP_HDR_LEN + quoted);
  if (skb === null) return;
  const icmph = skbPut(skb, ICMP_HDR_LEN + quoted);
  emitIcmp(icmph, ICMP_DEST_UNREACH, code, 0);
  memory.copy(icmph + ICMP_HDR_LEN, iph, quoted);
  store<u16>(icmph, csumFold(csumPartial(icmph, ICMP_HDR_LEN + quoted, 0)), 2);
  transmit4(net, skb, old, iph, IPPROTO_ICMP);
}

/** The same of IPv6. */
export function nfFrameUnreach6(net: Net, old: SkBuff, dev: usize, hdr: usize, quoted: u32, code: u32): void {
  const len = ICMP_HDR_LEN + quoted;
  const skb = answer(dev, len);
  if (skb === null) return;
  const icmph = skbPut(skb, len);
  emitIcmp(icmph, ICMPV6_DEST_UNREACH, code, 0);
  memory.copy(icmph + ICMP_HDR_LEN, hdr, quoted);
  const sum = csumPartial(icmph, len, 0);
  store<u16>(icmph, csumFold(csumIpv6Nofold(ipv6Daddr(hdr), ipv6Saddr(hdr), len, NEXTHDR_ICMP, sum)), 2);
  transmit6(net, skb, old, hdr, NEXTHDR_ICMP);
}

/** A reset for the segment at `th`, `len` bytes with its header. */
export function nfFrameReset4(net: Net, old: SkBuff, dev: usize, iph: usize, th: usize, len: u32): void {
  const skb = reset(dev, th, len);
  if (skb === null) return;
  const pseudo = csumTcpUdpNofold(ipv4DaddrBe(iph), ipv4SaddrBe(iph), TCP_HDR_LEN, IPPROTO_TCP, 0);
  tcpSetCheckBe(skb.data, csumFold(csumPartial(skb.data, TCP_HDR_LEN, pseudo)));
  transmit4(net, skb, old, iph, IPPROTO_TCP);
}

/** The same of IPv6. */
export function nfFrameReset6(net: Net, old: SkBuff, dev: usize, hdr: usize, th: usize, len: u32): void {
  const skb = reset(dev, th, len);
  if (skb === null) return;
  const sum = csumPartial(skb.data, TCP_HDR_LEN, 0);
  const pseudo = csumIpv6Nofold(ipv6Daddr(hdr), ipv6Saddr(hdr), TCP_HDR_LEN, NEXTHDR_TCP, sum);
  tcpSetCheckBe(skb.data, csumFold(pseudo));
  transmit6(net, skb, old, hdr, NEXTHDR_TCP);
}

function reset(dev: usize, th: usize, len: u32): SkBuff | null {
  const skb = answer(dev, TCP_HDR_LEN);
  if (skb === null) return null;
  const doff = (<u32>load<u8>(th, 12) >> 4) << 2;
  if (emitReset(skbPut(skb, TCP_HDR_LEN), th, doff, len)) return skb;
  consumeSkb(skb);
  return null;
}
