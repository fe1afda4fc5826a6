/**
 * TCP over IPv6, as far as the core goes: checksum, the socket (a seam), otherwise a reset as RFC 9293 3.10.7.1
 * says for a connection in CLOSED. Linux: net/ipv6/tcp_ipv6.c, tcp_v6_send_reset.
 */
import { SkbDropReason } from '../abi/drop_reason';
import { Mib } from '../abi/snmp';
import { l3mdevDif, l3mdevIngress, l3mdevMasterIfindex, l3mdevSdif } from '../dev/l3mdev';
import { NetDevice } from '../dev/net_device';
import { tcp6Lookup } from '../inet/lookup';
import { csumFold, csumIpv6Nofold, csumPartial } from '../lib/checksum';
import { Scratch, scratch } from '../lib/scratch';
import { Net, mibInc } from '../net/net';
import { FibNh } from '../route/fib';
import { consumeSkb, kfreeSkbReason } from '../skb/free';
import { allocSkb } from '../skb/pool';
import { CHECKSUM_PARTIAL, CHECKSUM_UNNECESSARY, PACKET_HOST, SkBuff } from '../skb/sk_buff';
import { pskbMayPull, skbChecksum, skbPut } from '../skb/skbuff';
import { IPV6_HDR_LEN, NEXTHDR_TCP, ipv6Daddr, ipv6Dsfield, ipv6Saddr } from '../wire/ipv6';
import { ipv6AddrIsLinklocal, ipv6AddrIsMulticast } from '../wire/ipv6_addr';
import {
  TCPHDR_ACK,
  TCPHDR_FIN,
  TCPHDR_RST,
  TCPHDR_SYN,
  TCP_HDR_LEN,
  emitTcp,
  tcpAckSeq,
  tcpDest,
  tcpDoff,
  tcpFlags,
  tcpSeq,
  tcpSetCheckBe,
  tcpSource,
} from '../wire/tcp';
import { ipv6ChkAddrIn } from './addr_hash';
import { ip6EmitHeader, ip6LocalOut } from './ip6_output';
import { flowDaddr, flowI6Init, flowSaddr, ip6DstHoplimit, ip6RouteOutput } from './route';

const INET_ECN_MASK: u32 = 3;

function inError(skb: SkBuff, net: Net, reason: SkbDropReason): void {
  mibInc(net, Mib.TcpInErrs);
  kfreeSkbReason(skb, reason);
}

/** A segment for us, data at its header (op PROTO_TCP6). Owns the skb. */
export function tcpV6Rcv(skb: SkBuff): void {
  const net = changetype<NetDevice>(skb.dev).net;
  if (skb.pktType !== PACKET_HOST) {
    kfreeSkbReason(skb, SkbDropReason.NO_SOCKET);
    return;
  }
  mibInc(net, Mib.TcpInSegs);
  if (
    !pskbMayPull(skb, TCP_HDR_LEN) ||
    tcpDoff(skb.data) < TCP_HDR_LEN ||
    !pskbMayPull(skb, tcpDoff(skb.data))
  ) {
    inError(skb, net, SkbDropReason.PKT_TOO_SMALL);
    return;
  }
  const hdr = skb.networkHeader;
  if (skb.ipSummed !== CHECKSUM_UNNECESSARY && skb.ipSummed !== CHECKSUM_PARTIAL) {
    const pseudo = csumIpv6Nofold(ipv6Saddr(hdr), ipv6Daddr(hdr), skb.len, NEXTHDR_TCP, 0);
    if (csumFold(skbChecksum(skb, 0, skb.len, pseudo)) !== 0) {
      mibInc(net, Mib.TcpInCsumErrors);
      inError(skb, net, SkbDropReason.TCP_CSUM);
      return;
    }
  }
  const th = skb.data;
  if (
    tcp6Lookup(
      net,
      ipv6Saddr(hdr),
      tcpSource(th),
      ipv6Daddr(hdr),
      tcpDest(th),
      l3mdevDif(skb),
      l3mdevSdif(skb),
    ) !== 0
  ) {
    consumeSkb(skb);
    return;
  }
  sendReset(skb, net);
  kfreeSkbReason(skb, SkbDropReason.NO_SOCKET);
}

/** "If the ACK bit is off, sequence number zero is used ... if it is on, <SEQ=SEG.ACK><CTL=RST>" (RFC 9293 3.10.7.1). */
function sendReset(skb: SkBuff, net: Net): void {
  const hdr = skb.networkHeader;
  const th = skb.data;
  const flags = tcpFlags(th);
  const local = ipv6Daddr(hdr);
  if ((flags & TCPHDR_RST) !== 0 || ipv6AddrIsMulticast(local) || ipv6AddrIsMulticast(ipv6Saddr(hdr))) return;
  const port = l3mdevIngress(skb);
  if (!ipv6ChkAddrIn(net, local, ipv6AddrIsLinklocal(local) ? changetype<usize>(port) : 0, port.l3mdev))
    return;
  const oif = ipv6AddrIsLinklocal(ipv6Saddr(hdr)) ? skb.iif : l3mdevMasterIfindex(port);
  const fl = flowI6Init(scratch(Scratch.IPV6_TCP_FL), ipv6Saddr(hdr), local, oif, NEXTHDR_TCP);
  if (ip6RouteOutput(net, fl) !== 0) return;
  const reset = allocSkb(IPV6_HDR_LEN + TCP_HDR_LEN);
  if (reset === null) return;
  reset.data += IPV6_HDR_LEN;
  const out = skbPut(reset, TCP_HDR_LEN);
  if ((flags & TCPHDR_ACK) !== 0) {
    emitTcp(out, tcpDest(th), tcpSource(th), tcpAckSeq(th), 0, TCP_HDR_LEN, TCPHDR_RST, 0);
  } else {
    const length =
      skb.len - tcpDoff(th) + ((flags & TCPHDR_SYN) !== 0 ? 1 : 0) + ((flags & TCPHDR_FIN) !== 0 ? 1 : 0);
    emitTcp(out, tcpDest(th), tcpSource(th), 0, tcpSeq(th) + length, TCP_HDR_LEN, TCPHDR_RST | TCPHDR_ACK, 0);
  }
  const sum = csumPartial(out, TCP_HDR_LEN, 0);
  tcpSetCheckBe(out, csumFold(csumIpv6Nofold(flowSaddr(fl), flowDaddr(fl), TCP_HDR_LEN, NEXTHDR_TCP, sum)));
  reset.dst = fl.nh;
  mibInc(net, Mib.TcpOutRsts);
  ip6EmitHeader(
    reset,
    flowSaddr(fl),
    flowDaddr(fl),
    ipv6Dsfield(hdr) & ~INET_ECN_MASK,
    ip6DstHoplimit(changetype<FibNh>(fl.nh)),
    NEXTHDR_TCP,
  );
  ip6LocalOut(net, reset);
}
