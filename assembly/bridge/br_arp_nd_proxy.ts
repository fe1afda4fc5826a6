/**
 * ARP and ND kept off ports: what the bridge's own neighbour table and forwarding database know, the bridge answers, and
 * ports with neigh_suppress (or proxy_arp_wifi) are not asked. Made for ports that are tunnels to other sites.
 * Linux: net/bridge/br_arp_nd_proxy.c.
 *
 *   station ─ who has .7? ─► bridge: .7 is 02::7 (neighbours of br0), behind p2 (FDB), which suppresses
 *           ◄─ 02::7 has .7 ─┘                                     └─ not flooded to ports that suppress
 *
 * Differs: questions of the bridge device itself are not answered, only kept off: its own stack asked the same table.
 */
import { NetDevice } from '../dev/net_device';
import { devQueueXmit } from '../dev/xmit';
import { vlanFindDev } from '../dev/vlan_core';
import { ipv6ChkAddr } from '../ipv6/addr_hash';
import { icmpv6Checksum } from '../ipv6/icmp';
import { arpConfirmAddr } from '../neigh/arp_ops';
import { NTF_ROUTER, NUD_VALID, Neighbour, neighHa, neighLookup } from '../neigh/neighbour';
import { AF_INET, AF_INET6 } from '../net/net';
import { allocSkb } from '../skb/pool';
import { SkBuff } from '../skb/sk_buff';
import { pskbMayPull, skbPut } from '../skb/skbuff';
import {
  ARPOP_REPLY,
  ARPOP_REQUEST,
  ARPOP_RREPLY,
  ARPOP_RREQUEST,
  ARP_HDR_LEN,
  arpOp,
  arpSha,
  arpSip,
  arpTip,
  checkArp,
  emitArp,
} from '../wire/arp';
import { ETH_HLEN, ETH_P_ARP, ETH_P_IPV6, etherAddrCopy } from '../wire/ethernet';
import { IPV6_HDR_LEN, NEXTHDR_ICMP, emitIpv6, ipv6Daddr, ipv6Nexthdr, ipv6Saddr } from '../wire/ipv6';
import { ipv6AddrEqual, ipv6AddrIsAny } from '../wire/ipv6_addr';
import {
  NDISC_HOPLIMIT,
  NDISC_NEIGHBOUR_ADVERTISEMENT,
  NDISC_NEIGHBOUR_SOLICITATION,
  ND_NA_FLAG_OVERRIDE,
  ND_NA_FLAG_ROUTER,
  ND_NA_FLAG_SOLICITED,
  ND_NA_LEN,
  ND_NS_LEN,
  emitNdNa,
  ndNaFlags,
  ndTarget,
} from '../wire/ndisc';
import { ND_OPT_SOURCE_LL_ADDR, ND_OPT_TARGET_LL_ADDR, emitNdOptLladdr } from '../wire/ndisc_options';
import { FdbEntry, fdbFind, fdbKey } from './br_fdb';
import { BR_NEIGH_SUPPRESS, BR_PROXYARP, BR_PROXYARP_WIFI, BrPort, Bridge, GROUP_BIT } from './br_private';
import { VlanGroup } from './br_vlan_entry';

const SCOPE_HOST: u32 = 254;
const LLADDR_LEN: u32 = 8;
/** Bits of Bridge.arpProxy: some port answers for others; some port suppresses. */
const PROXY: u8 = 1;
const SUPPRESS: u8 = 2;

/** The flags of ports changed, or a port left. */
export function brNeighSuppressUpdate(br: Bridge): void {
  let all: u32 = 0;
  for (let at = br.ports; at !== 0; at = changetype<BrPort>(at).next) all |= changetype<BrPort>(at).flags;
  br.arpProxy = 0;
  if ((all & (BR_PROXYARP | BR_PROXYARP_WIFI)) !== 0) br.arpProxy |= PROXY;
  if ((all & BR_NEIGH_SUPPRESS) !== 0) br.arpProxy |= SUPPRESS;
}

/** Whether a frame that brDoProxySuppress has seen is not flooded to `p`. Linux: in br_flood. */
export function brFloodSuppressed(p: BrPort, skb: SkBuff): bool {
  if ((p.flags & BR_PROXYARP) !== 0) return true;
  return skb.cb1 !== 0 && (p.flags & (BR_PROXYARP_WIFI | BR_NEIGH_SUPPRESS)) !== 0;
}

function suppresses(p: usize): bool {
  return p !== 0 && (changetype<BrPort>(p).flags & BR_NEIGH_SUPPRESS) !== 0;
}

/**
 * Only with br.arpProxy: looks whether the frame from `p` (null: from the bridge device) is ARP or ND, answers it if it
 * can, and leaves in cb1 whether ports that suppress are to be spared.
 */
export function brDoProxySuppress(br: Bridge, p: BrPort | null, skb: SkBuff, vid: u32): void {
  skb.cb1 = 0;
  if (<u32>skb.protocol === ETH_P_ARP) suppressArp(br, p, skb, vid);
  else if (<u32>skb.protocol === ETH_P_IPV6 && (br.arpProxy & SUPPRESS) !== 0) suppressNd(br, p, skb, vid);
}

/** The device whose neighbours count: the bridge, or its VLAN device; null when it has none for the VLAN. */
function deviceOf(br: Bridge, vid: u32): NetDevice | null {
  const dev = changetype<NetDevice>(br.dev);
  return vid === 0 ? dev : vlanFindDev(dev, br.vlanProto, vid);
}

/** The entry behind which a neighbour is, when its MAC is known; 0 when not. */
function portOfNeighbour(br: Bridge, neigh: Neighbour, vid: u32): usize {
  if ((<u32>neigh.nudState & NUD_VALID) === 0) return 0;
  return changetype<usize>(fdbFind(br, fdbKey(neigh.ha, vid)));
}

/** Linux: br_do_proxy_suppress_arp. */
function suppressArp(br: Bridge, p: BrPort | null, skb: SkBuff, vid: u32): void {
  if (!pskbMayPull(skb, ARP_HDR_LEN) || checkArp(skb.data, skb.len) !== 0) return;
  const sip = arpSip(skb.data);
  const tip = arpTip(skb.data);
  const op = arpOp(skb.data);
  if (tip >>> 24 === 127 || tip >>> 28 === 14) return;
  const suppress = (br.arpProxy & SUPPRESS) !== 0;
  if (suppress) {
    if (suppresses(changetype<usize>(p))) return;
    // Whoever asks one station wants to know whether that one is there.
    const unicast = (load<u64>(skb.macHeader) & GROUP_BIT) === 0;
    if (unicast && op === ARPOP_REQUEST) return;
    // Announcements and probes are nobody's question.
    if (op !== ARPOP_RREQUEST && op !== ARPOP_RREPLY && (sip >>> 24 === 0 || sip === tip)) {
      skb.cb1 = 1;
      return;
    }
  }
  if (op !== ARPOP_REQUEST) return;
  const dev = deviceOf(br, vid);
  if (dev === null) return;
  if (suppress && arpConfirmAddr(dev.net, changetype<usize>(dev), 0, tip, SCOPE_HOST) !== 0) {
    skb.cb1 = 1;
    return;
  }
  const neigh = neighLookup(AF_INET, skb.data + 24, dev);
  if (neigh === null) return;
  const at = portOfNeighbour(br, neigh, vid);
  if (at === 0) return;
  const behind = changetype<FdbEntry>(at).dst;
  const wifi = behind !== 0 && (changetype<BrPort>(behind).flags & BR_PROXYARP_WIFI) !== 0;
  const replies = (p !== null && (p.flags & BR_PROXYARP) !== 0) || wifi || suppresses(behind);
  if (replies && p !== null) sendArp(br, p, skb, neigh, sip, tip, vid);
  if (replies || suppress) skb.cb1 = 1;
}

/** An answer out of the port that asked: `bytes` behind an Ethernet header from the neighbour to `to`. */
function frame(p: BrPort, neigh: Neighbour, to: usize, protocol: u32, bytes: u32): SkBuff | null {
  const made = allocSkb(ETH_HLEN + bytes);
  if (made === null) return null;
  const eth = skbPut(made, ETH_HLEN + bytes);
  etherAddrCopy(eth, to);
  etherAddrCopy(eth + 6, neighHa(neigh));
  store<u16>(eth, bswap<u16>(<u16>protocol), 12);
  made.dev = p.dev;
  made.protocol = <u16>protocol;
  made.macHeader = eth;
  made.networkHeader = eth + ETH_HLEN;
  return made;
}

/** With the tag of its VLAN, unless that is the port's own. */
function send(br: Bridge, p: BrPort, made: SkBuff, vid: u32): void {
  if (vid !== 0 && <u32>changetype<VlanGroup>(p.vlans).pvid !== vid) {
    made.vlanProto = br.vlanProto;
    made.vlanTci = <u16>vid;
  }
  devQueueXmit(made);
}

/** Linux: br_arp_send. */
function sendArp(br: Bridge, p: BrPort, skb: SkBuff, neigh: Neighbour, sip: u32, tip: u32, vid: u32): void {
  const asks = arpSha(skb.data);
  const made = frame(p, neigh, asks, ETH_P_ARP, ARP_HDR_LEN);
  if (made === null) return;
  emitArp(made.networkHeader, ARPOP_REPLY, neighHa(neigh), tip, asks, sip);
  send(br, p, made, vid);
}

/** Linux: br_is_nd_neigh_msg, br_do_suppress_nd. */
function suppressNd(br: Bridge, p: BrPort | null, skb: SkBuff, vid: u32): void {
  if (!pskbMayPull(skb, IPV6_HDR_LEN + ND_NS_LEN) || ipv6Nexthdr(skb.data) !== NEXTHDR_ICMP) return;
  const ip = skb.data;
  const msg = ip + IPV6_HDR_LEN;
  const type = <u32>load<u8>(msg);
  if (load<u8>(msg, 1) !== 0) return;
  if (type !== NDISC_NEIGHBOUR_SOLICITATION && type !== NDISC_NEIGHBOUR_ADVERTISEMENT) return;
  if (suppresses(changetype<usize>(p))) return;
  const unicast = (load<u64>(skb.macHeader) & GROUP_BIT) === 0;
  if (unicast && type === NDISC_NEIGHBOUR_SOLICITATION) return;
  if (type === NDISC_NEIGHBOUR_ADVERTISEMENT) {
    if ((ndNaFlags(msg) & ND_NA_FLAG_SOLICITED) === 0) skb.cb1 = 1;
    return;
  }
  // Duplicate address detection asks from no address.
  if (ipv6AddrIsAny(ipv6Saddr(ip)) || ipv6AddrEqual(ipv6Saddr(ip), ipv6Daddr(ip))) {
    skb.cb1 = 1;
    return;
  }
  const dev = deviceOf(br, vid);
  if (dev === null) return;
  if (ipv6ChkAddr(dev.net, ndTarget(msg), changetype<usize>(dev))) {
    skb.cb1 = 1;
    return;
  }
  const neigh = neighLookup(AF_INET6, ndTarget(msg), dev);
  if (neigh === null) return;
  const at = portOfNeighbour(br, neigh, vid);
  if (at === 0) return;
  if (suppresses(changetype<FdbEntry>(at).dst) && p !== null) sendNd(br, p, skb, neigh, vid);
  skb.cb1 = 1;
}

/** Linux: br_nd_send. */
function sendNd(br: Bridge, p: BrPort, skb: SkBuff, neigh: Neighbour, vid: u32): void {
  const msg = skb.data + IPV6_HDR_LEN;
  const len = ND_NA_LEN + LLADDR_LEN;
  // To the address in the solicitation's option, when that is its first.
  let to = skb.macHeader + 6;
  if (pskbMayPull(skb, IPV6_HDR_LEN + ND_NS_LEN + LLADDR_LEN)) {
    const option = skb.data + IPV6_HDR_LEN + ND_NS_LEN;
    if (<u32>load<u8>(option) === ND_OPT_SOURCE_LL_ADDR && load<u8>(option, 1) === 1) to = option + 2;
  }
  const made = frame(p, neigh, to, ETH_P_IPV6, IPV6_HDR_LEN + len);
  if (made === null) return;
  const ip = made.networkHeader;
  emitIpv6(ip, 0, 0, len, NEXTHDR_ICMP, NDISC_HOPLIMIT, ndTarget(msg), ipv6Saddr(skb.data));
  const router = (<u32>neigh.flags & NTF_ROUTER) !== 0 ? ND_NA_FLAG_ROUTER : 0;
  const na = ip + IPV6_HDR_LEN;
  emitNdNa(na, router | ND_NA_FLAG_SOLICITED | ND_NA_FLAG_OVERRIDE, ndTarget(msg));
  emitNdOptLladdr(na + ND_NA_LEN, ND_OPT_TARGET_LL_ADDR, neighHa(neigh));
  icmpv6Checksum(ipv6Saddr(ip), ipv6Daddr(ip), na, len);
  send(br, p, made, vid);
}
