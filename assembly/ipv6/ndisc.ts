/**
 * Neighbour discovery messages that arrive (RFC 4861), each with the checks of its section. Linux: net/ipv6/ndisc.c.
 * All return why the message was dropped; NOT_DROPPED_YET: it did its work. The skb stays the caller's.
 */
import { SkbDropReason } from '../abi/drop_reason';
import { Op } from '../abi/ops';
import { Ipv6Conf, NeighVar } from '../abi/sysctl';
import { NetDevice, conf6, devAddrPtr } from '../dev/net_device';
import { opSet } from '../lib/ops';
import { Scratch, scratch } from '../lib/scratch';
import { Net } from '../net/net';
import { AF_INET6 } from '../net/net';
import { ndiscConstructOpInit } from '../neigh/ndisc';
import {
  NEIGH_UPDATE_F_ISROUTER,
  NEIGH_UPDATE_F_OVERRIDE,
  NEIGH_UPDATE_F_OVERRIDE_ISROUTER,
  NEIGH_UPDATE_F_WEAK_OVERRIDE,
  NTF_ROUTER,
  NUD_FAILED,
  NUD_REACHABLE,
  NUD_STALE,
  Neighbour,
  neighCreate,
  neighLookup,
  neighUpdate,
} from '../neigh/neighbour';
import { neighVar } from '../neigh/neigh_table';
import { pneighEnqueue, pneighLookup } from '../neigh/pneigh';
import { consumeSkb } from '../skb/free';
import { PACKET_HOST, PACKET_LOOPBACK, SkBuff } from '../skb/sk_buff';
import { pskbMayPull, skbClone } from '../skb/skbuff';
import { ICMPV6_ADDR_UNREACH, ICMPV6_DEST_UNREACH, icmpv6Code, icmpv6Type } from '../wire/icmpv6';
import { ipv6Daddr, ipv6HopLimit, ipv6Saddr } from '../wire/ipv6';
import {
  ipv6AddrIsAny,
  ipv6AddrIsLinklocal,
  ipv6AddrIsMulticast,
  ipv6AddrIsSolictMult,
} from '../wire/ipv6_addr';
import {
  NDISC_HOPLIMIT,
  NDISC_NEIGHBOUR_ADVERTISEMENT,
  NDISC_NEIGHBOUR_SOLICITATION,
  NDISC_REDIRECT,
  NDISC_ROUTER_ADVERTISEMENT,
  NDISC_ROUTER_SOLICITATION,
  ND_NA_FLAG_OVERRIDE,
  ND_NA_FLAG_ROUTER,
  ND_NA_FLAG_SOLICITED,
  ND_NA_LEN,
  ND_NS_LEN,
  ND_RA_LEN,
  ND_RS_LEN,
  ndNaFlags,
  ndTarget,
} from '../wire/ndisc';
import { NdOptions, ndOptLen, ndOptLladdr, parseNdOptions } from '../wire/ndisc_options';
import { IFA_F_TENTATIVE, Inet6Ifaddr, ifaAddr, ipv6GetIfaddr } from './addr_hash';
import { ipv6DevGetSaddr } from './addr_select';
import { ipv6ChkAcastAddr } from './anycast';
import { dadFailure } from './dad';
import { icmpv6Send } from './icmp';
import { IP6SKB_FRAGMENTED, ip6cbHas } from './ip6cb';
import { mcastJoinSolicited, mcastLeaveSolicited } from './mcast';
import { ndiscRedirectRcv } from './ndisc_redirect';
import { ndiscRouterDiscovery } from './ndisc_router';
import { radvSolicited } from './radv';
import { ALL_NODES, ndiscDefend, ndiscSendNa, ndiscSolicit } from './ndisc_send';

/** Any message of neighbour discovery, data at its header. Linux: ndisc_rcv. */
export function ndiscRcv(skb: SkBuff, net: Net): SkbDropReason {
  const dev = changetype<NetDevice>(skb.dev);
  // RFC 6980 5: "nodes MUST silently ignore Neighbor Discovery messages if packets carrying them include a
  // Fragmentation Header".
  if (ip6cbHas(skb, IP6SKB_FRAGMENTED) && conf6(dev, Ipv6Conf.SUPPRESS_FRAG_NDISC) !== 0) {
    return SkbDropReason.IPV6_NDISC_FRAG;
  }
  if (!pskbMayPull(skb, skb.len)) return SkbDropReason.NOMEM;
  // "The IP Hop Limit field has a value of 255, i.e., the packet could not possibly have been forwarded by a router."
  if (ipv6HopLimit(skb.networkHeader) !== NDISC_HOPLIMIT) return SkbDropReason.IPV6_NDISC_HOP_LIMIT;
  if (icmpv6Code(skb.data) !== 0) return SkbDropReason.IPV6_NDISC_BAD_CODE;
  switch (icmpv6Type(skb.data)) {
    case NDISC_NEIGHBOUR_SOLICITATION:
      return rcvNs(skb, net, dev, false);
    case NDISC_NEIGHBOUR_ADVERTISEMENT:
      return rcvNa(skb, net, dev);
    case NDISC_ROUTER_SOLICITATION:
      return rcvRs(skb, dev);
    case NDISC_ROUTER_ADVERTISEMENT:
      return rcvRa(skb, dev);
    case NDISC_REDIRECT:
      return ndiscRedirectRcv(skb, net, dev);
    default:
      return SkbDropReason.UNHANDLED_PROTO;
  }
}

/** The options behind the first `fixed` bytes; false: the message is void. */
function options(skb: SkBuff, fixed: u32, out: usize): bool {
  return parseNdOptions(skb.data + fixed, skb.len - fixed, out) === 0;
}

function scratchOptions(): usize {
  return scratch(Scratch.NDISC_OPTIONS);
}

/** RFC 4861 7.1.1, 7.2.3. */
function rcvNs(skb: SkBuff, net: Net, dev: NetDevice, waited: bool): SkbDropReason {
  if (skb.len < ND_NS_LEN) return SkbDropReason.PKT_TOO_SMALL;
  const target = ndTarget(skb.data);
  const saddr = ipv6Saddr(skb.networkHeader);
  const daddr = ipv6Daddr(skb.networkHeader);
  if (ipv6AddrIsMulticast(target)) return SkbDropReason.IP_INVALID_DEST;
  // "If the IP source address is the unspecified address, the IP destination address is a solicited-node multicast
  // address", and "there is no source link-layer address option in the message".
  const dad = ipv6AddrIsAny(saddr);
  if (dad && !ipv6AddrIsSolictMult(daddr)) return SkbDropReason.IP_INVALID_DEST;
  const opts = changetype<NdOptions>(scratchOptions());
  if (!options(skb, ND_NS_LEN, changetype<usize>(opts))) return SkbDropReason.IPV6_NDISC_BAD_OPTIONS;
  const source = opts.sourceLlAddr;
  if (dad && source !== 0) return SkbDropReason.IPV6_NDISC_BAD_OPTIONS;
  const ifa = ipv6GetIfaddr(net, target, changetype<usize>(dev));
  if (ifa === null) {
    const router = routerFlag(net, dev, target);
    if (router < 0) return SkbDropReason.IPV6_NDISC_NS_OTHERHOST;
    // RFC 4861 7.2.7, 7.2.8: others may answer, too, so that ours waits a random time; not what was asked of us alone.
    const later =
      !waited &&
      skb.pktType !== PACKET_HOST &&
      ipv6AddrIsMulticast(daddr) &&
      neighVar(changetype<usize>(dev), AF_INET6, NeighVar.PROXY_DELAY_MS) !== 0;
    if (later) {
      const copy = skbClone(skb);
      if (copy !== null) pneighEnqueue(AF_INET6, copy);
      return SkbDropReason.NOT_DROPPED_YET;
    }
    answerForOthers(net, dev, saddr, daddr, target, source === 0 ? 0 : ndOptLladdr(source), router > 0);
    return SkbDropReason.NOT_DROPPED_YET;
  }
  if ((ifa.flags & IFA_F_TENTATIVE) !== 0) {
    // RFC 4862 5.4.3: a solicitation by another for what we want ourselves: neither gets it. Our own, come back, is
    // known by its nonce (RFC 7527); anything else for a tentative address is ignored.
    if (dad && !ownNonce(opts, ifa)) dadFailure(ifa);
    return SkbDropReason.NOT_DROPPED_YET;
  }
  if (dad) {
    ndiscDefend(dev, ifa);
    return SkbDropReason.NOT_DROPPED_YET;
  }
  const group = ipv6AddrIsMulticast(daddr);
  const lladdr: usize = source === 0 ? 0 : ndOptLladdr(source);
  const known =
    !group || lladdr !== 0 ? neighCreate(AF_INET6, saddr, dev) : neighLookup(AF_INET6, saddr, dev);
  if (known === null) return SkbDropReason.NOT_DROPPED_YET;
  neighUpdate(known, lladdr, NUD_STALE, NEIGH_UPDATE_F_WEAK_OVERRIDE | NEIGH_UPDATE_F_OVERRIDE);
  ndiscSendNa(
    dev,
    saddr,
    ifaAddr(ifa),
    ifaAddr(ifa),
    conf6(dev, Ipv6Conf.FORWARDING) !== 0,
    true,
    group,
    group,
  );
  return SkbDropReason.NOT_DROPPED_YET;
}

/**
 * For an address that is not ours alone: 1 when the answer says "router", 0 when not, -1: no answer. Anycast addresses,
 * and with proxy_ndp those that an administrator entered (NTF_ROUTER: of a router).
 */
function routerFlag(net: Net, dev: NetDevice, target: usize): i32 {
  const forwarding = conf6(dev, Ipv6Conf.FORWARDING) !== 0;
  if (ipv6ChkAcastAddr(net, changetype<usize>(dev), target)) return forwarding ? 1 : 0;
  if (!forwarding) return -1;
  if (!proxiesNdp(net, dev)) return -1;
  const entry = pneighLookup(AF_INET6, net, target, changetype<usize>(dev));
  if (entry === null) return -1;
  return (<u32>entry.flags & NTF_ROUTER) !== 0 ? 1 : 0;
}

function proxiesNdp(net: Net, dev: NetDevice): bool {
  return (load<i32>(net.conf6All + (Ipv6Conf.PROXY_NDP << 2)) | conf6(dev, Ipv6Conf.PROXY_NDP)) !== 0;
}

/** PROXY_REDO_NDISC: a solicitation that waited for its answer. */
export function ndiscProxyRedo(p: usize): void {
  const skb = changetype<SkBuff>(p);
  const dev = changetype<NetDevice>(skb.dev);
  rcvNs(skb, dev.net, dev, true);
  consumeSkb(skb);
}

/** NEIGH_NDISC_PROXY: solicitations for a proxied address come to its group. */
export function ndiscProxyGroup(dev: usize, addr: usize, join: u32): void {
  if (changetype<NetDevice>(dev).ip6Ptr === 0) return;
  if (join !== 0) mcastJoinSolicited(changetype<NetDevice>(dev), addr);
  else mcastLeaveSolicited(changetype<NetDevice>(dev), addr);
}

/** The answer to a solicitation for an address that others have, too: without override (RFC 4861 7.2.7, 7.2.8). */
function answerForOthers(
  net: Net,
  dev: NetDevice,
  saddr: usize,
  daddr: usize,
  target: usize,
  lladdr: usize,
  router: bool,
): void {
  const group = ipv6AddrIsMulticast(daddr);
  const dad = ipv6AddrIsAny(saddr);
  if (!dad) {
    const known =
      !group || lladdr !== 0 ? neighCreate(AF_INET6, saddr, dev) : neighLookup(AF_INET6, saddr, dev);
    if (known === null) return;
    neighUpdate(known, lladdr, NUD_STALE, NEIGH_UPDATE_F_WEAK_OVERRIDE | NEIGH_UPDATE_F_OVERRIDE);
  }
  const to = dad ? ALL_NODES : saddr;
  const from = scratch(Scratch.NDISC_FROM);
  if (!ipv6DevGetSaddr(net, changetype<usize>(dev), to, from)) return;
  ndiscSendNa(dev, to, target, from, router, !dad, false, group);
}

function ownNonce(opts: NdOptions, ifa: Inet6Ifaddr): bool {
  const p = opts.nonce;
  if (p === 0 || ndOptLen(p) !== 8) return false;
  return load<u64>(p) >> 16 === ifa.dadNonce;
}

/** RFC 4861 7.1.2, 7.2.5. */
function rcvNa(skb: SkBuff, net: Net, dev: NetDevice): SkbDropReason {
  if (skb.len < ND_NA_LEN) return SkbDropReason.PKT_TOO_SMALL;
  const target = ndTarget(skb.data);
  if (ipv6AddrIsMulticast(target)) return SkbDropReason.IP_INVALID_DEST;
  const flags = ndNaFlags(skb.data);
  const solicited = (flags & ND_NA_FLAG_SOLICITED) !== 0;
  // "If the IP Destination Address is a multicast address the Solicited flag is zero."
  if (solicited && ipv6AddrIsMulticast(ipv6Daddr(skb.networkHeader))) return SkbDropReason.IP_INVALID_DEST;
  if (!solicited && conf6(dev, Ipv6Conf.DROP_UNSOLICITED_NA) !== 0)
    return SkbDropReason.IPV6_NDISC_NS_OTHERHOST;
  const opts = changetype<NdOptions>(scratchOptions());
  if (!options(skb, ND_NA_LEN, changetype<usize>(opts))) return SkbDropReason.IPV6_NDISC_BAD_OPTIONS;
  const ifa = ipv6GetIfaddr(net, target, changetype<usize>(dev));
  if (ifa !== null) {
    // RFC 4862 5.4.4: somebody has the address that we are about to take; once it is ours, the claim is ignored.
    if (skb.pktType !== PACKET_LOOPBACK && (ifa.flags & IFA_F_TENTATIVE) !== 0) dadFailure(ifa);
    return SkbDropReason.NOT_DROPPED_YET;
  }
  // "If no entry exists, the advertisement SHOULD be silently discarded."
  const found = neighLookup(AF_INET6, target, dev);
  if (found === null || found.dead !== 0 || found.nudState === <u8>NUD_FAILED)
    return SkbDropReason.NOT_DROPPED_YET;
  const lladdr: usize = opts.targetLlAddr === 0 ? 0 : ndOptLladdr(opts.targetLlAddr);
  // Linux: "Don't update the neighbor cache entry on a proxy NA from ourselves."
  const ours = lladdr !== 0 && memory.compare(lladdr, devAddrPtr(dev), 6) === 0;
  if (ours && proxiesNdp(net, dev) && pneighLookup(AF_INET6, net, target, changetype<usize>(dev)) !== null)
    return SkbDropReason.NOT_DROPPED_YET;
  const how =
    NEIGH_UPDATE_F_WEAK_OVERRIDE |
    NEIGH_UPDATE_F_OVERRIDE_ISROUTER |
    ((flags & ND_NA_FLAG_OVERRIDE) !== 0 ? NEIGH_UPDATE_F_OVERRIDE : 0) |
    ((flags & ND_NA_FLAG_ROUTER) !== 0 ? NEIGH_UPDATE_F_ISROUTER : 0);
  neighUpdate(found, lladdr, solicited ? NUD_REACHABLE : NUD_STALE, how);
  return SkbDropReason.NOT_DROPPED_YET;
}

/** RFC 4861 6.1.1: a router learns who asks; the answer is the advertiser's, if the link has one. */
function rcvRs(skb: SkBuff, dev: NetDevice): SkbDropReason {
  if (skb.len < ND_RS_LEN) return SkbDropReason.PKT_TOO_SMALL;
  const saddr = ipv6Saddr(skb.networkHeader);
  if (conf6(dev, Ipv6Conf.FORWARDING) === 0) return SkbDropReason.NOT_DROPPED_YET;
  const opts = changetype<NdOptions>(scratchOptions());
  if (!options(skb, ND_RS_LEN, changetype<usize>(opts))) return SkbDropReason.IPV6_NDISC_BAD_OPTIONS;
  if (ipv6AddrIsAny(saddr)) {
    // "If the IP source address is the unspecified address, there is no source link-layer address option."
    if (opts.sourceLlAddr !== 0) return SkbDropReason.IPV6_NDISC_BAD_OPTIONS;
    radvSolicited(dev);
    return SkbDropReason.NOT_DROPPED_YET;
  }
  radvSolicited(dev);
  const neigh = neighCreate(AF_INET6, saddr, dev);
  if (neigh === null) return SkbDropReason.NOT_DROPPED_YET;
  const lladdr: usize = opts.sourceLlAddr === 0 ? 0 : ndOptLladdr(opts.sourceLlAddr);
  const how = NEIGH_UPDATE_F_WEAK_OVERRIDE | NEIGH_UPDATE_F_OVERRIDE | NEIGH_UPDATE_F_OVERRIDE_ISROUTER;
  neighUpdate(neigh, lladdr, NUD_STALE, how);
  return SkbDropReason.NOT_DROPPED_YET;
}

/** RFC 4861 6.1.2. */
function rcvRa(skb: SkBuff, dev: NetDevice): SkbDropReason {
  if (skb.len < ND_RA_LEN) return SkbDropReason.PKT_TOO_SMALL;
  if (!ipv6AddrIsLinklocal(ipv6Saddr(skb.networkHeader))) return SkbDropReason.IP_INVALID_SOURCE;
  const opts = changetype<NdOptions>(scratchOptions());
  if (!options(skb, ND_RA_LEN, changetype<usize>(opts))) return SkbDropReason.IPV6_NDISC_BAD_OPTIONS;
  ndiscRouterDiscovery(skb, dev, opts);
  return SkbDropReason.NOT_DROPPED_YET;
}

/** Op NEIGH_NDISC_ERROR: the neighbour does not answer (RFC 4861 7.2.2). The skb stays the caller's. */
export function ndiscErrorReport(neigh: usize, skb: usize): void {
  assert(changetype<Neighbour>(neigh).family === <u8>AF_INET6, 'an IPv6 neighbour');
  icmpv6Send(changetype<SkBuff>(skb), ICMPV6_DEST_UNREACH, ICMPV6_ADDR_UNREACH, 0);
}

export function ndiscOpsInit(): void {
  ndiscConstructOpInit();
  opSet(Op.NEIGH_NDISC_SOLICIT, ndiscSolicit.index);
  opSet(Op.NEIGH_NDISC_ERROR, ndiscErrorReport.index);
  opSet(Op.PROXY_REDO_NDISC, ndiscProxyRedo.index);
  opSet(Op.NEIGH_NDISC_PROXY, ndiscProxyGroup.index);
}
