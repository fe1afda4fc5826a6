/**
 * TCP (RFC 9293), as far as the core answers it: what is sound goes to its socket; where nobody listens the sender
 * gets a reset. Linux: net/ipv4/tcp_ipv4.c, tcp_v4_rcv and tcp_v4_send_reset.
 */
import { SkbDropReason } from '../abi/drop_reason';
import { DeliveryKind } from '../abi/event';
import { Mib } from '../abi/snmp';
import { Sysctl } from '../abi/sysctl';
import { l3mdevDif, l3mdevMasterIfindex, l3mdevSdif } from '../dev/l3mdev';
import { NetDevice } from '../dev/net_device';
import { tcp4Lookup } from '../inet/lookup';
import { transportCsumOk4 } from '../inet/transport_csum';
import { csumFold, csumPartial, csumTcpUdpNofold } from '../lib/checksum';
import { Scratch, scratch } from '../lib/scratch';
import { Net, mibInc, sysctl } from '../net/net';
import { FibNh, RtType, nhInfo } from '../route/fib';
import { kfreeSkbReason } from '../skb/free';
import { handleGive } from '../skb/handles';
import { allocSkb } from '../skb/pool';
import { PACKET_HOST, SkBuff } from '../skb/sk_buff';
import { pskbMayPull, skbPush, skbPut } from '../skb/skbuff';
import {
  INET_ECN_MASK,
  IPPROTO_TCP,
  IPTOS_TOS_MASK,
  ipv4Daddr,
  ipv4DaddrBe,
  ipv4Saddr,
  ipv4SaddrBe,
  ipv4Tos,
} from '../wire/ipv4';
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
import { ReplyOptions, ipOptionsBuild, ipOptionsEcho, replyOptionsData } from './ip_options';
import { ipEmitHeader, ipLocalOut } from './ip_output';
import { FlowI4, inetAddrTypeDev, ipRouteOutput } from './route';

const ETH_P_IP: u16 = 0x0800;

/** Receives TCP (op PROTO_TCP): data at the TCP header, networkHeader set. Owns the skb. */
export function tcpV4Rcv(skb: SkBuff): void {
  const net = changetype<NetDevice>(skb.dev).net;
  if (skb.pktType !== PACKET_HOST) {
    kfreeSkbReason(skb, SkbDropReason.NOT_SPECIFIED);
    return;
  }
  mibInc(net, Mib.TcpInSegs);
  if (!pskbMayPull(skb, TCP_HDR_LEN)) {
    kfreeSkbReason(skb, SkbDropReason.PKT_TOO_SMALL);
    return;
  }
  const doff = tcpDoff(skb.data);
  if (doff < TCP_HDR_LEN) {
    mibInc(net, Mib.TcpInErrs);
    kfreeSkbReason(skb, SkbDropReason.PKT_TOO_SMALL);
    return;
  }
  if (!pskbMayPull(skb, doff)) {
    kfreeSkbReason(skb, SkbDropReason.PKT_TOO_SMALL);
    return;
  }
  // RFC 9293 §3.1: "The checksum ... must be verified", before anything is answered.
  if (!transportCsumOk4(skb, IPPROTO_TCP)) {
    mibInc(net, Mib.TcpInCsumErrors);
    mibInc(net, Mib.TcpInErrs);
    kfreeSkbReason(skb, SkbDropReason.TCP_CSUM);
    return;
  }
  const th = skb.data;
  const iph = skb.networkHeader;
  skb.transportHeader = th;
  const socket = tcp4Lookup(
    net,
    ipv4Saddr(iph),
    tcpSource(th),
    ipv4Daddr(iph),
    tcpDest(th),
    l3mdevDif(skb),
    l3mdevSdif(skb),
  );
  if (socket !== 0) {
    skbPush(skb, th - iph);
    if (!handleGive(skb, DeliveryKind.RAW, socket, net, 0, 0))
      kfreeSkbReason(skb, SkbDropReason.HOST_HANDLES_FULL);
    return;
  }
  sendReset(net, skb, th, doff);
  kfreeSkbReason(skb, SkbDropReason.NO_SOCKET);
}

/** RFC 9293 §3.10.7.1: the state is CLOSED: "all data in the incoming segment is discarded", and a reset goes back. */
function sendReset(net: Net, skb: SkBuff, th: usize, doff: u32): void {
  const flags = tcpFlags(th);
  // "An incoming segment containing a RST is discarded."
  if ((flags & TCPHDR_RST) !== 0) return;
  const iph = skb.networkHeader;
  if (inetAddrTypeDev(net, changetype<NetDevice>(skb.dev), ipv4Daddr(iph)) !== RtType.LOCAL) return;
  let seq: u32 = 0;
  let ack: u32 = 0;
  let rst: u32 = TCPHDR_RST;
  if ((flags & TCPHDR_ACK) !== 0) {
    // "If the ACK bit is on, <SEQ=SEG.ACK><CTL=RST>"
    seq = tcpAckSeq(th);
  } else {
    // "If the ACK bit is off, sequence number zero is used, <SEQ=0><ACK=SEG.SEQ+SEG.LEN><CTL=RST,ACK>"
    rst |= TCPHDR_ACK;
    ack = tcpSeq(th) + (skb.len - doff);
    if ((flags & TCPHDR_SYN) !== 0) ack++;
    if ((flags & TCPHDR_FIN) !== 0) ack++;
  }
  const options = changetype<ReplyOptions>(scratch(Scratch.IPV4_TCP_OPTIONS));
  if (!ipOptionsEcho(net, options, skb)) return;
  const fl = changetype<FlowI4>(scratch(Scratch.IPV4_TCP_FL));
  memory.fill(changetype<usize>(fl), 0, offsetof<FlowI4>());
  fl.daddr = options.srr !== 0 ? bswap<u32>(options.faddrBe) : ipv4Saddr(iph);
  fl.saddr = ipv4Daddr(iph);
  fl.tos = ipv4Tos(iph) & IPTOS_TOS_MASK;
  fl.proto = IPPROTO_TCP;
  fl.oif = l3mdevMasterIfindex(changetype<NetDevice>(skb.dev));
  fl.mark = sysctl(net, Sysctl.FWMARK_REFLECT) !== 0 ? skb.mark : 0;
  fl.sport = <u16>tcpDest(th);
  fl.dport = <u16>tcpSource(th);
  if (ipRouteOutput(net, fl) !== 0) return;
  const reset = allocSkb(TCP_HDR_LEN);
  if (reset === null) return;
  const to = skbPut(reset, TCP_HDR_LEN);
  emitTcp(to, tcpDest(th), tcpSource(th), seq, ack, TCP_HDR_LEN, rst, 0);
  const pseudo = csumTcpUdpNofold(ipv4DaddrBe(iph), ipv4SaddrBe(iph), TCP_HDR_LEN, IPPROTO_TCP, 0);
  tcpSetCheckBe(to, csumFold(csumPartial(to, TCP_HDR_LEN, pseudo)));
  const nh = changetype<FibNh>(fl.nh);
  const hopLimit = nhInfo(nh).hopLimit;
  const ttl = hopLimit !== 0 ? hopLimit : <u32>sysctl(net, Sysctl.IP_DEFAULT_TTL);
  // Linux: resets have DF and identifier 0; the TOS is the sender's without ECN (RFC 3168 §6.1.5).
  const tos = ipv4Tos(iph) & ~INET_ECN_MASK;
  ipEmitHeader(
    reset,
    fl.saddr,
    fl.daddr,
    tos,
    ttl,
    IPPROTO_TCP,
    true,
    replyOptionsData(options),
    options.optlen,
  );
  if (options.optlen !== 0) ipOptionsBuild(reset.data, options, ipv4SaddrBe(iph));
  reset.protocol = ETH_P_IP;
  reset.dst = fl.nh;
  reset.dev = nh.dev;
  mibInc(net, Mib.TcpOutRsts);
  ipLocalOut(net, reset);
}
