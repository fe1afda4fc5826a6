/**
 * UDP (RFC 768, RFC 1122 §4.1), as far as the core answers it: what is sound goes to its socket; where nobody listens
 * the sender gets port unreachable. Linux: net/ipv4/udp.c, __udp4_lib_rcv.
 */
import { SkbDropReason } from '../abi/drop_reason';
import { DeliveryKind } from '../abi/event';
import { Mib } from '../abi/snmp';
import { l3mdevDif, l3mdevSdif } from '../dev/l3mdev';
import { NetDevice } from '../dev/net_device';
import { udp4Lookup } from '../inet/lookup';
import { transportCsumOk4 } from '../inet/transport_csum';
import { Net, mibInc } from '../net/net';
import { RtType } from '../route/fib';
import { kfreeSkbReason } from '../skb/free';
import { handleGive } from '../skb/handles';
import { SkBuff, skbHeadlen } from '../skb/sk_buff';
import { pskbMayPull, skbPush, skbTrim } from '../skb/skbuff';
import { ICMP_DEST_UNREACH, ICMP_PORT_UNREACH } from '../wire/icmp';
import { IPPROTO_UDP, ipv4Daddr, ipv4Saddr } from '../wire/ipv4';
import { WIRE_OK } from '../wire/check';
import { UDP_HDR_LEN, checkUdpHead, udpCheckBe, udpDest, udpLen, udpSource } from '../wire/udp';
import { icmpSend } from './icmp';
import { inetAddrTypeDev } from './route';

/** Receives UDP (op PROTO_UDP): data at the UDP header, networkHeader set. Owns the skb. */
export function udpRcv(skb: SkBuff): void {
  const net = changetype<NetDevice>(skb.dev).net;
  if (!pskbMayPull(skb, UDP_HDR_LEN) || checkUdpHead(skb.data, skbHeadlen(skb), skb.len) !== WIRE_OK) {
    drop(net, skb, SkbDropReason.PKT_TOO_SMALL);
    return;
  }
  skbTrim(skb, udpLen(skb.data));
  const uh = skb.data;
  skb.transportHeader = uh;
  // RFC 768: "An all zero transmitted checksum value means that the transmitter generated no checksum".
  if (udpCheckBe(uh) !== 0 && !transportCsumOk4(skb, IPPROTO_UDP)) {
    mibInc(net, Mib.UdpInCsumErrors);
    drop(net, skb, SkbDropReason.UDP_CSUM);
    return;
  }
  const iph = skb.networkHeader;
  const daddr = ipv4Daddr(iph);
  const socket = udp4Lookup(
    net,
    ipv4Saddr(iph),
    udpSource(uh),
    daddr,
    udpDest(uh),
    l3mdevDif(skb),
    l3mdevSdif(skb),
  );
  if (socket !== 0) {
    skbPush(skb, uh - iph);
    if (handleGive(skb, DeliveryKind.RAW, socket, net, 0, 0)) mibInc(net, Mib.UdpInDatagrams);
    else kfreeSkbReason(skb, SkbDropReason.HOST_HANDLES_FULL);
    return;
  }
  const kind = inetAddrTypeDev(net, changetype<NetDevice>(skb.dev), daddr);
  if (kind !== RtType.BROADCAST && kind !== RtType.MULTICAST) {
    // RFC 1122 §4.1.3.1: "UDP SHOULD send an ICMP Port Unreachable message".
    mibInc(net, Mib.UdpNoPorts);
    icmpSend(skb, ICMP_DEST_UNREACH, ICMP_PORT_UNREACH, 0);
  }
  kfreeSkbReason(skb, SkbDropReason.NO_SOCKET);
}

function drop(net: Net, skb: SkBuff, reason: SkbDropReason): void {
  mibInc(net, Mib.UdpInErrors);
  kfreeSkbReason(skb, reason);
}
