/**
 * UDP over IPv6, as far as the core goes: checksum, the socket (a seam), otherwise Port Unreachable. Linux:
 * net/ipv6/udp.c.
 */
import { SkbDropReason } from '../abi/drop_reason';
import { Mib } from '../abi/snmp';
import { l3mdevDif, l3mdevSdif } from '../dev/l3mdev';
import { NetDevice } from '../dev/net_device';
import { udp6Lookup } from '../inet/lookup';
import { csumFold, csumIpv6Nofold } from '../lib/checksum';
import { Net, mibInc } from '../net/net';
import { consumeSkb, kfreeSkbReason } from '../skb/free';
import { CHECKSUM_PARTIAL, CHECKSUM_UNNECESSARY, SkBuff } from '../skb/sk_buff';
import { pskbMayPull, skbChecksum } from '../skb/skbuff';
import { WIRE_OK } from '../wire/check';
import { ICMPV6_DEST_UNREACH, ICMPV6_PORT_UNREACH } from '../wire/icmpv6';
import { NEXTHDR_UDP, ipv6Daddr, ipv6Saddr } from '../wire/ipv6';
import { ipv6AddrIsMulticast } from '../wire/ipv6_addr';
import { UDP_HDR_LEN, checkUdp6Head, udpCheckBe, udpDest, udpLen, udpSource } from '../wire/udp';
import { icmpv6Send } from './icmp';
import { ip6Trim } from './ip6_input';

function inError(skb: SkBuff, net: Net, reason: SkbDropReason): void {
  mibInc(net, Mib.Udp6InErrors);
  kfreeSkbReason(skb, reason);
}

/** A datagram for us, data at its header (op PROTO_UDP6). Owns the skb. */
export function udp6Rcv(skb: SkBuff): void {
  const net = changetype<NetDevice>(skb.dev).net;
  if (!pskbMayPull(skb, UDP_HDR_LEN) || checkUdp6Head(skb.data, UDP_HDR_LEN, skb.len) !== WIRE_OK) {
    inError(skb, net, SkbDropReason.PKT_TOO_SMALL);
    return;
  }
  const hdr = skb.networkHeader;
  const ulen = udpLen(skb.data);
  if (ulen !== 0 && ulen < skb.len) ip6Trim(skb, ulen);
  if (skb.ipSummed !== CHECKSUM_UNNECESSARY && skb.ipSummed !== CHECKSUM_PARTIAL) {
    const pseudo = csumIpv6Nofold(ipv6Saddr(hdr), ipv6Daddr(hdr), skb.len, NEXTHDR_UDP, 0);
    // RFC 8200 8.1: "IPv6 receivers must discard UDP packets containing a zero checksum".
    if (udpCheckBe(skb.data) === 0 || csumFold(skbChecksum(skb, 0, skb.len, pseudo)) !== 0) {
      mibInc(net, Mib.Udp6InCsumErrors);
      inError(skb, net, SkbDropReason.UDP_CSUM);
      return;
    }
  }
  const p = skb.data;
  if (
    udp6Lookup(
      net,
      ipv6Saddr(hdr),
      udpSource(p),
      ipv6Daddr(hdr),
      udpDest(p),
      l3mdevDif(skb),
      l3mdevSdif(skb),
    ) !== 0
  ) {
    mibInc(net, Mib.Udp6InDatagrams);
    consumeSkb(skb);
    return;
  }
  // To a group nobody listens to: no error (RFC 4443 2.4 e.3), and Linux counts nothing.
  if (ipv6AddrIsMulticast(ipv6Daddr(hdr))) {
    kfreeSkbReason(skb, SkbDropReason.NO_SOCKET);
    return;
  }
  mibInc(net, Mib.Udp6NoPorts);
  icmpv6Send(skb, ICMPV6_DEST_UNREACH, ICMPV6_PORT_UNREACH, 0);
  kfreeSkbReason(skb, SkbDropReason.NO_SOCKET);
}
