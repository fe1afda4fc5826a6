/**
 * What routers tell us of the packets that we sent: path MTUs (RFC 1191) and better gateways (RFC 792 redirects). What
 * they quote must be a packet of ours; TCP and UDP packets must have been sent by a socket, so that nobody can make us
 * believe things by guessing. Linux: net/ipv4/icmp.c icmp_unreach, icmp_redirect, icmp_err; route.c.
 */
import { SkbDropReason } from '../abi/drop_reason';
import { Mib } from '../abi/snmp';
import { Ipv4Conf, Sysctl } from '../abi/sysctl';
import { l3mdevDif, l3mdevIfindexOf, l3mdevSdif } from '../dev/l3mdev';
import { NetDevice, conf4Or } from '../dev/net_device';
import { tcp4Lookup, udp4Lookup } from '../inet/lookup';
import { root } from '../lib/root';
import { Scratch, scratch } from '../lib/scratch';
import { AF_INET, Net, mibInc, sysctl } from '../net/net';
import { exceptionFind, exceptionPmtu, exceptionRedirect } from '../route/exception';
import { FibNh, RtType, nhGwPtr } from '../route/fib';
import { SkBuff } from '../skb/sk_buff';
import { pskbMayPull } from '../skb/skbuff';
import {
  ICMP_DEST_UNREACH,
  ICMP_EXC_FRAGTIME,
  ICMP_FRAG_NEEDED,
  ICMP_HDR_LEN,
  ICMP_REDIR_HOSTTOS,
  ICMP_TIME_EXCEEDED,
  NR_ICMP_UNREACH,
  icmpCode,
  icmpFragMtu,
  icmpType,
} from '../wire/icmp';
import {
  IPPROTO_ICMP,
  IPPROTO_TCP,
  IPPROTO_UDP,
  IPV4_HDR_LEN,
  ipv4Daddr,
  ipv4Ihl,
  ipv4Protocol,
  ipv4Saddr,
  ipv4TotLen,
} from '../wire/ipv4';
import { ipv4IsLbcast, ipv4IsMulticast, ipv4IsZeronet } from '../wire/ipv4_addr';
import { inetAddrOnlink } from './devinet';
import { FlowI4, acceptRedirects, inetAddrTypeDev, ipDstMtu, ipRouteOutput } from './route';

const NS_PER_SEC: u64 = 1_000_000_000;
/** RFC 1191 §7.1: MTUs in use, for routers that do not tell theirs; largest first. */
const PLATEAUS = memory.data<u16>([32000, 17914, 8166, 4352, 2002, 1492, 1006, 508, 296, 68]);
const PLATEAU_COUNT: u32 = 10;

function inError(net: Net, reason: SkbDropReason): SkbDropReason {
  mibInc(net, Mib.IcmpInErrors);
  return reason;
}

/** Errors but redirects; data at the ICMP header. NOT_DROPPED_YET: it was heeded, or needs no heed. */
export function icmpUnreach(net: Net, skb: SkBuff): SkbDropReason {
  if (!pskbMayPull(skb, ICMP_HDR_LEN + IPV4_HDR_LEN)) return inError(net, SkbDropReason.PKT_TOO_SMALL);
  const type = icmpType(skb.data);
  const code = icmpCode(skb.data);
  if (ipv4Ihl(skb.data + ICMP_HDR_LEN) < IPV4_HDR_LEN) return inError(net, SkbDropReason.IP_INHDR);
  if (type === ICMP_DEST_UNREACH && code > NR_ICMP_UNREACH) return SkbDropReason.NOT_DROPPED_YET;
  if (type === ICMP_TIME_EXCEEDED && code === ICMP_EXC_FRAGTIME) return SkbDropReason.NOT_DROPPED_YET;
  const fragNeeded = type === ICMP_DEST_UNREACH && code === ICMP_FRAG_NEEDED;
  if (fragNeeded && sysctl(net, Sysctl.IP_NO_PMTU_DISC) === 2) return SkbDropReason.NOT_DROPPED_YET;
  // RFC 1122 §3.2.2: errors about packets to a broadcast address come from routers that break it.
  if (sysctl(net, Sysctl.ICMP_IGNORE_BOGUS_ERROR_RESPONSES) === 0) {
    const to = ipv4Daddr(skb.data + ICMP_HDR_LEN);
    if (inetAddrTypeDev(net, changetype<NetDevice>(skb.dev), to) === RtType.BROADCAST)
      return SkbDropReason.NOT_DROPPED_YET;
  }
  if (!quotesOurs(net, skb)) return SkbDropReason.NOT_DROPPED_YET;
  const learns = fragNeeded && sysctl(net, Sysctl.IP_NO_PMTU_DISC) === 0;
  const vif = l3mdevIfindexOf(skb.dev);
  if (learns) updatePmtu(net, skb.data + ICMP_HDR_LEN, icmpFragMtu(skb.data), vif);
  return SkbDropReason.NOT_DROPPED_YET;
}

/**
 * Whether the quoted packet was sent by us: from an address of ours, with 8 bytes of transport header, and of a socket
 * if it is TCP's or UDP's (none: InErrors, as Linux's protocols count). Linux: icmp_socket_deliver.
 */
function quotesOurs(net: Net, skb: SkBuff): bool {
  const ihl = ipv4Ihl(skb.data + ICMP_HDR_LEN);
  if (!pskbMayPull(skb, ICMP_HDR_LEN + ihl + 8)) {
    mibInc(net, Mib.IcmpInErrors);
    return false;
  }
  const inner = skb.data + ICMP_HDR_LEN;
  const saddr = ipv4Saddr(inner);
  const dev = changetype<NetDevice>(skb.dev);
  if (inetAddrTypeDev(net, dev, saddr) !== RtType.LOCAL) return false;
  const proto = ipv4Protocol(inner);
  if (proto === IPPROTO_ICMP) return true;
  // Nothing here sends others, but for raw sockets, which see to their errors themselves.
  if (proto !== IPPROTO_TCP && proto !== IPPROTO_UDP) return false;
  const sport = <u32>bswap<u16>(load<u16>(inner + ihl));
  const dport = <u32>bswap<u16>(load<u16>(inner + ihl, 2));
  const daddr = ipv4Daddr(inner);
  const socket =
    proto === IPPROTO_TCP
      ? tcp4Lookup(net, daddr, dport, saddr, sport, l3mdevDif(skb), l3mdevSdif(skb))
      : udp4Lookup(net, daddr, dport, saddr, sport, l3mdevDif(skb), l3mdevSdif(skb));
  if (socket !== 0) return true;
  mibInc(net, Mib.IcmpInErrors);
  return false;
}

/** The next smaller plateau below the size of the packet that was too big. */
function plateauBelow(totLen: u32): u32 {
  for (let i: u32 = 0; i < PLATEAU_COUNT; i++) {
    const mtu = <u32>load<u16>(PLATEAUS + (i << 1));
    if (mtu < totLen) return mtu;
  }
  return 68;
}

/**
 * The path of the packet quoted at `inner` takes `mtu` bytes. Linux: __ip_rt_update_pmtu. Differs: an MTU of 0 (from
 * a router older than RFC 1191) means the next plateau; Linux takes route_min_pmtu at once.
 */
function updatePmtu(net: Net, inner: usize, mtu: u32, vif: i32): void {
  const fl = changetype<FlowI4>(scratch(Scratch.IPV4_ICMP_ERR_FL));
  memory.fill(changetype<usize>(fl), 0, offsetof<FlowI4>());
  fl.daddr = ipv4Daddr(inner);
  fl.saddr = ipv4Saddr(inner);
  fl.oif = vif;
  if (ipRouteOutput(net, fl) !== 0 || fl.type === RtType.LOCAL) return;
  if (mtu === 0) mtu = plateauBelow(ipv4TotLen(inner));
  const key = inner + 16;
  const known = exceptionFind(net, AF_INET, key, vif);
  if (known !== null && known.locked !== 0) return;
  const old = ipDstMtu(net, changetype<FibNh>(fl.nh), fl.daddr, false);
  // RFC 1191 §3: "A host MUST not increase its estimate of the Path MTU in response to the contents of a Datagram
  // Too Big message."
  if (old < mtu) return;
  const least = <u32>sysctl(net, Sysctl.ROUTE_MIN_PMTU);
  const locked = mtu < least;
  if (locked) mtu = min(old, least);
  exceptionPmtu(
    net,
    AF_INET,
    key,
    vif,
    mtu,
    locked,
    root().now + <u64>sysctl(net, Sysctl.ROUTE_MTU_EXPIRES) * NS_PER_SEC,
  );
}

/** A redirect; data at the ICMP header. Linux: icmp_redirect, __ip_do_redirect. */
export function icmpRedirect(net: Net, skb: SkBuff): SkbDropReason {
  if (skb.len < ICMP_HDR_LEN + IPV4_HDR_LEN) return inError(net, SkbDropReason.PKT_TOO_SMALL);
  if (!pskbMayPull(skb, ICMP_HDR_LEN + IPV4_HDR_LEN)) return inError(net, SkbDropReason.NOMEM);
  if (ipv4Ihl(skb.data + ICMP_HDR_LEN) < IPV4_HDR_LEN) return inError(net, SkbDropReason.IP_INHDR);
  if (!quotesOurs(net, skb) || (icmpCode(skb.data) & 7) > ICMP_REDIR_HOSTTOS)
    return SkbDropReason.NOT_DROPPED_YET;
  const inner = skb.data + ICMP_HDR_LEN;
  const gwBe = load<u32>(skb.data, 4);
  const gw = bswap<u32>(gwBe);
  const sender = ipv4Saddr(skb.networkHeader);
  const fl = changetype<FlowI4>(scratch(Scratch.IPV4_ICMP_ERR_FL2));
  memory.fill(changetype<usize>(fl), 0, offsetof<FlowI4>());
  fl.daddr = ipv4Daddr(inner);
  fl.saddr = ipv4Saddr(inner);
  fl.oif = l3mdevIfindexOf(skb.dev);
  if (ipRouteOutput(net, fl) !== 0 || fl.nh === 0) return SkbDropReason.NOT_DROPPED_YET;
  const nh = changetype<FibNh>(fl.nh);
  // RFC 1122 §3.2.2.2: only the gateway that we use now may send us elsewhere, and only to a neighbour.
  if (currentGw(net, nh, inner + 16) !== bswap<u32>(sender)) return SkbDropReason.NOT_DROPPED_YET;
  const dev = changetype<NetDevice>(nh.dev);
  if (
    gw === sender ||
    !acceptRedirects(dev) ||
    ipv4IsMulticast(gw) ||
    ipv4IsLbcast(gw) ||
    ipv4IsZeronet(gw)
  ) {
    return SkbDropReason.NOT_DROPPED_YET;
  }
  if (conf4Or(dev, Ipv4Conf.SHARED_MEDIA)) {
    if (inetAddrTypeDev(net, dev, gw) !== RtType.UNICAST) return SkbDropReason.NOT_DROPPED_YET;
  } else {
    if (!inetAddrOnlink(dev, gw) || !inetAddrOnlink(dev, sender)) return SkbDropReason.NOT_DROPPED_YET;
    if (conf4Or(dev, Ipv4Conf.SECURE_REDIRECTS) && !isDefaultGw(net, gw, nh.dev))
      return SkbDropReason.NOT_DROPPED_YET;
  }
  exceptionRedirect(net, AF_INET, inner + 16, skb.data + 4, nh.dev);
  return SkbDropReason.NOT_DROPPED_YET;
}

/** The gateway to the address at `key` (network order, as is the answer); 0: it is on the link. */
function currentGw(net: Net, nh: FibNh, key: usize): u32 {
  const learnt = exceptionFind(net, AF_INET, key, l3mdevIfindexOf(nh.dev));
  if (learnt !== null && learnt.dev !== 0) return <u32>learnt.gw0;
  return nh.gwFamily === AF_INET ? load<u32>(nhGwPtr(nh)) : 0;
}

/** secure_redirects: whether `gw` is the gateway of the default route out of `dev`. */
function isDefaultGw(net: Net, gw: u32, dev: usize): bool {
  const fl = changetype<FlowI4>(scratch(Scratch.IPV4_ICMP_ERR_FL3));
  memory.fill(changetype<usize>(fl), 0, offsetof<FlowI4>());
  // No route but the default one leads to an address that is nobody's (class E).
  fl.daddr = 0xf0000001;
  fl.oif = l3mdevIfindexOf(dev);
  if (ipRouteOutput(net, fl) !== 0) return false;
  const nh = changetype<FibNh>(fl.nh);
  return nh.dev === dev && nh.gwFamily === AF_INET && load<u32>(nhGwPtr(nh)) === bswap<u32>(gw);
}
