/**
 * Resets that a rule sends in the name of the receiver. Linux: nf_send_reset in net/ipv4/netfilter/nf_reject_ipv4.c,
 * nf_send_reset6 in net/ipv6/netfilter/nf_reject_ipv6.c.
 */
import { Sysctl } from '../abi/sysctl';
import { ipEmitHeader, ipLocalOut } from '../ipv4/ip_output';
import { FlowI4, ipRouteOutput } from '../ipv4/route';
import { ip6DstHoplimit, flowI6Init, flowDaddr, ip6RouteOutput } from '../ipv6/route';
import { ip6EmitHeader, ip6LocalOut } from '../ipv6/ip6_output';
import { csumFold, csumIpv6Nofold, csumPartial, csumTcpUdpNofold } from '../lib/checksum';
import { Scratch, scratch } from '../lib/scratch';
import { Net, sysctl } from '../net/net';
import { FibNh, nhInfo } from '../route/fib';
import { consumeSkb } from '../skb/free';
import { nfCtAttach } from '../skb/nfct';
import { allocSkb } from '../skb/pool';
import { SkBuff } from '../skb/sk_buff';
import { skbPut } from '../skb/skbuff';
import { IPPROTO_TCP, ipv4Daddr, ipv4DaddrBe, ipv4Saddr, ipv4SaddrBe } from '../wire/ipv4';
import { ipv6AddrIsLinklocal, ipv6AddrIsMulticast } from '../wire/ipv6_addr';
import { IPV6_HDR_LEN, ipv6Daddr, ipv6Saddr } from '../wire/ipv6';
import {
  TCPHDR_ACK,
  TCPHDR_FIN,
  TCPHDR_RST,
  TCPHDR_SYN,
  TCP_HDR_LEN,
  emitTcp,
  tcpAckSeq,
  tcpDest,
  tcpFlags,
  tcpSeq,
  tcpSetCheckBe,
  tcpSource,
} from '../wire/tcp';

import { nfCtGet } from './nf_conntrack';
import { nfCtTcpSetClosing } from './nf_conntrack_proto_tcp';

const ETH_P_IP: u16 = 0x0800;
const NEXTHDR_TCP: u32 = 6;

/** The reset that answers the segment at `th` of `len` bytes, header and all (RFC 9293 §3.10.7.1); false: none does. */
export function emitReset(out: usize, th: usize, doff: u32, len: u32): bool {
  const flags = tcpFlags(th);
  if ((flags & TCPHDR_RST) !== 0) return false;
  if ((flags & TCPHDR_ACK) !== 0) {
    emitTcp(out, tcpDest(th), tcpSource(th), tcpAckSeq(th), 0, TCP_HDR_LEN, TCPHDR_RST, 0);
    return true;
  }
  let ack = tcpSeq(th) + len - doff;
  if ((flags & TCPHDR_SYN) !== 0) ack++;
  if ((flags & TCPHDR_FIN) !== 0) ack++;
  emitTcp(out, tcpDest(th), tcpSource(th), 0, ack, TCP_HDR_LEN, TCPHDR_RST | TCPHDR_ACK, 0);
  return true;
}

/** The reset belongs to the packet's connection, and ends it. */
function close(net: Net, old: SkBuff, reset: SkBuff): void {
  nfCtAttach(reset, old);
  const ct = nfCtGet(old);
  if (ct !== null) nfCtTcpSetClosing(net, ct);
}

/** `iph`: IPv4 header of the packet, whose TCP header is at `th`; `len`: bytes from there. The packet stays. */
export function nfSendReset4(net: Net, old: SkBuff, iph: usize, th: usize, doff: u32, len: u32): void {
  // The address that the reset comes from need not be ours: the route is that to the sender alone.
  const fl = changetype<FlowI4>(scratch(Scratch.NFT_REJECT_FL));
  memory.fill(changetype<usize>(fl), 0, offsetof<FlowI4>());
  fl.daddr = ipv4Saddr(iph);
  fl.proto = IPPROTO_TCP;
  fl.mark = sysctl(net, Sysctl.FWMARK_REFLECT) !== 0 ? old.mark : 0;
  if (ipRouteOutput(net, fl) !== 0) return;
  const reset = allocSkb(TCP_HDR_LEN);
  if (reset === null) return;
  const to = skbPut(reset, TCP_HDR_LEN);
  if (!emitReset(to, th, doff, len)) {
    consumeSkb(reset);
    return;
  }
  const pseudo = csumTcpUdpNofold(ipv4DaddrBe(iph), ipv4SaddrBe(iph), TCP_HDR_LEN, IPPROTO_TCP, 0);
  tcpSetCheckBe(to, csumFold(csumPartial(to, TCP_HDR_LEN, pseudo)));
  const nh = changetype<FibNh>(fl.nh);
  const hopLimit = nhInfo(nh).hopLimit;
  const ttl = hopLimit !== 0 ? hopLimit : <u32>sysctl(net, Sysctl.IP_DEFAULT_TTL);
  ipEmitHeader(reset, ipv4Daddr(iph), ipv4Saddr(iph), 0, ttl, IPPROTO_TCP, true, 0, 0);
  reset.protocol = ETH_P_IP;
  if (old.nfct !== 0) close(net, old, reset);
  reset.dst = fl.nh;
  reset.dev = nh.dev;
  ipLocalOut(net, reset);
}

/** The same of IPv6. */
export function nfSendReset6(net: Net, old: SkBuff, hdr: usize, th: usize, doff: u32, len: u32): void {
  const saddr = ipv6Saddr(hdr);
  const daddr = ipv6Daddr(hdr);
  if (ipv6AddrIsMulticast(saddr) || ipv6AddrIsMulticast(daddr)) return;
  const oif = ipv6AddrIsLinklocal(saddr) ? old.iif : 0;
  const fl = flowI6Init(scratch(Scratch.NFT_REJECT_FL), saddr, 0, oif, NEXTHDR_TCP);
  if (sysctl(net, Sysctl.IP6_FWMARK_REFLECT) !== 0) fl.mark = old.mark;
  if (ip6RouteOutput(net, fl) !== 0) return;
  const reset = allocSkb(IPV6_HDR_LEN + TCP_HDR_LEN);
  if (reset === null) return;
  reset.data += IPV6_HDR_LEN;
  const to = skbPut(reset, TCP_HDR_LEN);
  if (!emitReset(to, th, doff, len)) {
    consumeSkb(reset);
    return;
  }
  const sum = csumPartial(to, TCP_HDR_LEN, 0);
  tcpSetCheckBe(to, csumFold(csumIpv6Nofold(daddr, flowDaddr(fl), TCP_HDR_LEN, NEXTHDR_TCP, sum)));
  reset.dst = fl.nh;
  if (old.nfct !== 0) close(net, old, reset);
  ip6EmitHeader(reset, daddr, flowDaddr(fl), 0, ip6DstHoplimit(changetype<FibNh>(fl.nh)), NEXTHDR_TCP);
  ip6LocalOut(net, reset);
}
