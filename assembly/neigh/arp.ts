/**
 * ARP (RFC 826, RFC 5227): answers requests for our addresses, learns from what it hears, asks for the neighbour
 * layer. Linux: net/ipv4/arp.c.
 *
 *   netifReceiveSkbList ─► arpRcvList ─► arpProcess ─► reply for our address │ neighUpdate of a known sender
 *   neighProbe ─► arpSolicit ─► unicast to the known MAC, then broadcast
 *
 * Supports: RFC 826; RFC 5227 §2.1.1 (answering probes), §2.3 (announcing); arp_ignore, arp_announce, arp_filter,
 * arp_accept, arp_notify, arp_evict_nocarrier, drop_gratuitous_arp, proxy_arp, proxy_arp_pvlan, `ip neigh add proxy`.
 */
import { SkbDropReason } from '../abi/drop_reason';
import { Ipv4Conf, NeighVar } from '../abi/sysctl';
import { Op } from '../abi/ops';
import { ethHeader } from '../dev/eth';
import {
  IFF_NOARP,
  NetDevice,
  conf4,
  conf4Max,
  conf4Or,
  devAddrPtr,
  devBroadcastPtr,
} from '../dev/net_device';
import { nfHook } from '../dev/nf_hook';
import { devQueueXmit } from '../dev/xmit';
import { opSet } from '../lib/ops';
import { root } from '../lib/root';
import { NFPROTO_ARP, NetfilterHook } from '../net/hooks';
import { AF_INET } from '../net/net';
import { consumeSkb, kfreeSkbReason } from '../skb/free';
import { allocSkb } from '../skb/pool';
import { PACKET_HOST, PACKET_LOOPBACK, PACKET_OTHERHOST, SkBuff, skbHeadlen } from '../skb/sk_buff';
import { pskbMayPull, skbPut, skbClone } from '../skb/skbuff';
import {
  ARPOP_REPLY,
  ARPOP_REQUEST,
  ARP_HDR_LEN,
  arpOp,
  arpSha,
  arpSip,
  arpTha,
  arpTip,
  checkArp,
  emitArp,
} from '../wire/arp';
import { WIRE_OK } from '../wire/check';
import { ETH_P_ARP, etherAddrEqual } from '../wire/ethernet';
import { checkIpv4Head, ipv4Saddr } from '../wire/ipv4';
import { ipv4IsLoopback, ipv4IsMulticast } from '../wire/ipv4_addr';
import {
  RTN_LOCAL,
  RTN_UNICAST,
  SCOPE_HOST,
  SCOPE_LINK,
  arpAddrType,
  arpConfirmAddr,
  arpOnlink,
  arpProxy,
  arpRouteDev,
  arpRouteInput,
  arpSelectSaddr,
} from './arp_ops';
import {
  NEIGH_UPDATE_F_OVERRIDE,
  NUD_REACHABLE,
  NUD_STALE,
  Neighbour,
  neighCreate,
  neighEventNs,
  neighHa,
  neighKey,
  neighLookup,
  neighUpdate,
} from './neighbour';
import { pneighEnqueue, pneighLookup } from './pneigh';
import { neighVar, neighVarNs } from './neigh_table';

// Linux: include/uapi/linux/netfilter_arp.h
/** Lengths of MAC and IP address, one octet each. */
const ARP_LENGTHS: usize = 4;
const ARP_LENGTHS_BE: u16 = 0x0406;
const NF_ARP_IN: NetfilterHook = 0;
const NF_ARP_OUT: NetfilterHook = 1;

/** Offset of the sender's IP address, as a key of the neighbour table. */
const ARP_SIP: usize = 14;
const ARP_TIP: usize = 24;

/** RCV_ARP: takes `n` skbs at `list`, data at the ARP header. */
export function arpRcvList(list: usize, n: u32): void {
  for (let i: u32 = 0; i < n; i++) arpRcv(changetype<SkBuff>(load<u32>(list + (i << 2))));
}

function arpRcv(skb: SkBuff): void {
  const dev = changetype<NetDevice>(skb.dev);
  if (skb.pktType === PACKET_OTHERHOST) {
    kfreeSkbReason(skb, SkbDropReason.OTHERHOST);
    return;
  }
  // A device without IPv4 has nobody to answer for (Linux: in_dev is NULL).
  if ((dev.flags & IFF_NOARP) !== 0 || skb.pktType === PACKET_LOOPBACK || dev.ipPtr === 0) {
    kfreeSkbReason(skb, SkbDropReason.ARP_IGNORED);
    return;
  }
  // Whole, and of addresses as long as those that this is about: nothing else comes to the hook.
  if (
    dev.net.hookCount !== 0 &&
    pskbMayPull(skb, ARP_HDR_LEN) &&
    load<u16>(skb.data, ARP_LENGTHS) === ARP_LENGTHS_BE
  ) {
    if (!nfHook(dev.net, NFPROTO_ARP, NF_ARP_IN, skb, changetype<usize>(dev), 0)) return;
  }
  finish(skb, arpProcess(skb, dev, false));
}

/** PROXY_REDO_ARP: a request that waited for its answer by proxy. */
export function arpProxyRedo(p: usize): void {
  const skb = changetype<SkBuff>(p);
  finish(skb, arpProcess(skb, changetype<NetDevice>(skb.dev), true));
}

function finish(skb: SkBuff, reason: SkbDropReason): void {
  if (reason === SkbDropReason.NOT_DROPPED_YET) consumeSkb(skb);
  else kfreeSkbReason(skb, reason);
}

/** What the packet asks and tells; NOT_DROPPED_YET when it did its work. */
function arpProcess(skb: SkBuff, dev: NetDevice, waited: bool): SkbDropReason {
  if (!pskbMayPull(skb, ARP_HDR_LEN)) return SkbDropReason.ARP_INVALID;
  const arp = skb.data;
  if (checkArp(arp, skbHeadlen(skb)) !== WIRE_OK) return SkbDropReason.ARP_INVALID;
  const op = arpOp(arp);
  if (op !== ARPOP_REQUEST && op !== ARPOP_REPLY) return SkbDropReason.ARP_INVALID;
  const sip = arpSip(arp);
  const tip = arpTip(arp);
  // Linux: no requests for 127.x.x.x and for groups, whoever asks.
  if (ipv4IsMulticast(tip)) return SkbDropReason.ARP_INVALID;
  if (ipv4IsLoopback(tip) && !conf4Or(dev, Ipv4Conf.ROUTE_LOCALNET)) return SkbDropReason.ARP_INVALID;
  if (sip === tip && conf4Or(dev, Ipv4Conf.DROP_GRATUITOUS_ARP)) return SkbDropReason.ARP_IGNORED;
  if (sip === 0) return answerProbe(arp, op, tip, dev);
  if (op === ARPOP_REQUEST) {
    const type = arpRouteInput(skb, tip, sip, dev);
    if (type === RTN_LOCAL) return answerRequest(arp, sip, tip, dev);
    if (type === RTN_UNICAST && proxied(skb, arp, dev)) return answerByProxy(skb, arp, sip, tip, dev, waited);
  }
  learn(skb, arp, op, sip, tip, dev);
  return SkbDropReason.NOT_DROPPED_YET;
}

/** RFC 5227 §2.1.1: a probe (sender 0.0.0.0) asks whether anybody has the address; nothing is learned from it. */
function answerProbe(arp: usize, op: u32, tip: u32, dev: NetDevice): SkbDropReason {
  if (op !== ARPOP_REQUEST || arpAddrType(dev.net, dev, tip) !== RTN_LOCAL)
    return SkbDropReason.NOT_DROPPED_YET;
  if (arpIgnore(dev, 0, tip)) return SkbDropReason.ARP_IGNORED;
  arpSend(ARPOP_REPLY, 0, dev, tip, arpSha(arp), arpSha(arp));
  return SkbDropReason.NOT_DROPPED_YET;
}

/** RFC 826: a request for our address: the sender will talk to us, so remember it first, then answer. */
function answerRequest(arp: usize, sip: u32, tip: u32, dev: NetDevice): SkbDropReason {
  if (arpIgnore(dev, sip, tip) || arpFilter(sip, tip, dev)) return SkbDropReason.ARP_IGNORED;
  const neigh = neighEventNs(AF_INET, arpSha(arp), arp + ARP_SIP, dev);
  if (neigh === null) return SkbDropReason.NEIGH_CREATEFAIL;
  arpSend(ARPOP_REPLY, sip, dev, tip, arpSha(arp), arpSha(arp));
  return SkbDropReason.NOT_DROPPED_YET;
}

/** Updates what we know of the sender; makes an entry only where arp_accept says so. */
function learn(skb: SkBuff, arp: usize, op: u32, sip: u32, tip: u32, dev: NetDevice): void {
  const key = arp + ARP_SIP;
  let neigh = neighLookup(AF_INET, key, dev);
  const accept = arpAccept(dev, sip);
  if (neigh === null && !accept) return;
  const gratuitous = isGratuitous(arp, op, sip, tip, dev);
  if (neigh === null) {
    if (!gratuitous && (op !== ARPOP_REPLY || arpAddrType(dev.net, dev, sip) !== RTN_UNICAST)) return;
    neigh = neighCreate(AF_INET, key, dev);
    if (neigh === null) return;
  }
  // Of several different replies the first counts (Linux: locktime), but for an announcement of a change.
  const locked = neigh.updated + neighVarNs(neigh.dev, AF_INET, NeighVar.LOCKTIME_MS);
  const replace = root().now > locked || gratuitous;
  // Broadcast replies and requests say nothing about reachability from here to there.
  const state = op === ARPOP_REPLY && skb.pktType === PACKET_HOST ? NUD_REACHABLE : NUD_STALE;
  neighUpdate(neigh, arpSha(arp), state, replace ? NEIGH_UPDATE_F_OVERRIDE : 0);
}

/** Both addresses the same unicast one; in a reply both MACs, too (Linux: arp_is_garp). */
function isGratuitous(arp: usize, op: u32, sip: u32, tip: u32, dev: NetDevice): bool {
  if (sip !== tip) return false;
  if (op === ARPOP_REPLY && !etherAddrEqual(arpSha(arp), arpTha(arp))) return false;
  return arpAddrType(dev.net, dev, sip) === RTN_UNICAST;
}

/** arp_accept: 1 makes entries for unknown senders, 2 only for those in a subnet of the device. */
function arpAccept(dev: NetDevice, sip: u32): bool {
  const accept = conf4Max(dev, Ipv4Conf.ARP_ACCEPT);
  return accept === 1 || (accept === 2 && arpOnlink(dev, sip, 0));
}

/** arp_ignore: which requests for our addresses get no answer (Documentation/networking/ip-sysctl.rst). */
function arpIgnore(dev: NetDevice, sip: u32, tip: u32): bool {
  const p = changetype<usize>(dev);
  switch (conf4Max(dev, Ipv4Conf.ARP_IGNORE)) {
    case 1: // the address must be on this interface
      return arpConfirmAddr(dev.net, p, 0, tip, SCOPE_HOST) === 0;
    case 2: // and the sender in its subnet
      return arpConfirmAddr(dev.net, p, sip, tip, SCOPE_HOST) === 0;
    case 3: // not for addresses of host scope
      return arpConfirmAddr(dev.net, 0, 0, tip, SCOPE_LINK) === 0;
    case 8:
      return true;
    default:
      return false;
  }
}

/** arp_filter: no answer when our way to the sender leaves by another device. */
function arpFilter(sip: u32, tip: u32, dev: NetDevice): bool {
  return conf4Or(dev, Ipv4Conf.ARP_FILTER) && arpRouteDev(dev, sip, tip) !== changetype<usize>(dev);
}

/**
 * Whether we answer for the target, whose route skb.dst is: behind another device with proxy_arp, or behind the same
 * one with proxy_arp_pvlan (RFC 3069), or entered by an administrator.
 */
function proxied(skb: SkBuff, arp: usize, dev: NetDevice): bool {
  if (conf4(dev, Ipv4Conf.FORWARDING) === 0) return false;
  const otherDev = arpProxy(skb, dev);
  if (!otherDev) return conf4Or(dev, Ipv4Conf.PROXY_ARP_PVLAN);
  if (conf4Or(dev, Ipv4Conf.PROXY_ARP)) return true;
  return pneighLookup(AF_INET, dev.net, arp + ARP_TIP, changetype<usize>(dev)) !== null;
}

/** At once to who asks us alone; to all others after a random time, so that the owner may be first. */
function answerByProxy(
  skb: SkBuff,
  arp: usize,
  sip: u32,
  tip: u32,
  dev: NetDevice,
  waited: bool,
): SkbDropReason {
  if (neighEventNs(AF_INET, arpSha(arp), arp + ARP_SIP, dev) === null) return SkbDropReason.NEIGH_CREATEFAIL;
  const now =
    waited ||
    skb.pktType === PACKET_HOST ||
    neighVar(changetype<usize>(dev), AF_INET, NeighVar.PROXY_DELAY_MS) === 0;
  if (now) {
    arpSend(ARPOP_REPLY, sip, dev, tip, arpSha(arp), arpSha(arp));
    return SkbDropReason.NOT_DROPPED_YET;
  }
  const copy = skbClone(skb);
  if (copy !== null) pneighEnqueue(AF_INET, copy);
  return SkbDropReason.NOT_DROPPED_YET;
}

/**
 * Sends an ARP packet from `dev`: `sip` (our side) asks or tells `tip`. `dest` is the MAC of the frame (0: everybody),
 * `tha` the target's MAC in the packet (0: not known). IP addresses in host order.
 */
export function arpSend(op: u32, tip: u32, dev: NetDevice, sip: u32, dest: usize, tha: usize): void {
  if ((dev.flags & IFF_NOARP) !== 0) return;
  const skb = allocSkb(ARP_HDR_LEN);
  if (skb === null) return;
  emitArp(skbPut(skb, ARP_HDR_LEN), op, devAddrPtr(dev), sip, tha, tip);
  skb.networkHeader = skb.data;
  skb.protocol = <u16>ETH_P_ARP;
  skb.dev = changetype<usize>(dev);
  ethHeader(skb, dev, <u16>ETH_P_ARP, dest === 0 ? devBroadcastPtr(dev) : dest);
  if (dev.net.hookCount !== 0 && !nfHook(dev.net, NFPROTO_ARP, NF_ARP_OUT, skb, 0, skb.dev)) return;
  devQueueXmit(skb);
}

/** Says to all that `addr` (host order) is ours (RFC 5227 §2.3; Linux: inetdev_send_gratuitous_arp). */
export function arpAnnounce(dev: NetDevice, addr: u32): void {
  arpSend(ARPOP_REQUEST, addr, dev, addr, 0, 0);
}

/** ARP_GRATUITOUS: the address moved to another port (Linux: NETDEV_NOTIFY_PEERS). */
export function arpGratuitous(devPtr: usize, addr: u32): void {
  arpAnnounce(changetype<NetDevice>(devPtr), addr);
}

/** ARP_ANNOUNCE: an address appeared or its link came up; said to all where arp_notify is set. */
export function arpNotify(devPtr: usize, addr: u32): void {
  const dev = changetype<NetDevice>(devPtr);
  if (conf4Or(dev, Ipv4Conf.ARP_NOTIFY)) arpAnnounce(dev, addr);
}

/** BOND_ARP_SEND: the ARP monitor of a bond asks `target` by one of its ports. */
function bondArpSend(portPtr: usize, bondPtr: usize, target: u32): void {
  const sip = arpSelectSaddr(changetype<NetDevice>(bondPtr), target, SCOPE_LINK);
  arpSend(ARPOP_REQUEST, target, changetype<NetDevice>(portPtr), sip, 0, 0);
}

/** NEIGH_ARP_SOLICIT: asks for the neighbour; `skbPtr`, the newest packet that waits, may be 0. */
export function arpSolicit(neighPtr: usize, skbPtr: usize): void {
  const neigh = changetype<Neighbour>(neighPtr);
  const dev = changetype<NetDevice>(neigh.dev);
  const target = bswap<u32>(load<u32>(neighKey(neigh)));
  const sip = solicitSource(dev, target, skbPtr);
  const unicast = neighVar(neigh.dev, AF_INET, NeighVar.UCAST_SOLICIT);
  if (neigh.probes < unicast) {
    arpSend(ARPOP_REQUEST, target, dev, sip, neighHa(neigh), 0);
    return;
  }
  // app_solicit is for a user-space ARP daemon: the host sees the event of the state; nothing is sent.
  if (neigh.probes - unicast < neighVar(neigh.dev, AF_INET, NeighVar.APP_SOLICIT)) return;
  arpSend(ARPOP_REQUEST, target, dev, sip, 0, 0);
}

/** arp_announce: which of our addresses asks (Documentation/networking/ip-sysctl.rst). */
function solicitSource(dev: NetDevice, target: u32, skbPtr: usize): u32 {
  const announce = conf4Max(dev, Ipv4Conf.ARP_ANNOUNCE);
  if (announce < 2 && skbPtr !== 0) {
    const saddr = packetSource(changetype<SkBuff>(skbPtr));
    const ours = saddr !== 0 && arpAddrType(dev.net, dev, saddr) === RTN_LOCAL;
    if (ours && (announce === 0 || arpOnlink(dev, target, saddr))) return saddr;
  }
  return arpSelectSaddr(dev, target, SCOPE_LINK);
}

/** Source of the IPv4 packet, 0 when it is none. */
function packetSource(skb: SkBuff): u32 {
  return checkIpv4Head(skb.data, skbHeadlen(skb), skb.len) === WIRE_OK ? ipv4Saddr(skb.data) : 0;
}

/** Fills the ops; called at init and after a restore. */
export function arpOpsInit(): void {
  opSet(Op.BOND_ARP_SEND, bondArpSend.index);
  opSet(Op.RCV_ARP, arpRcvList.index);
  opSet(Op.NEIGH_ARP_SOLICIT, arpSolicit.index);
  opSet(Op.ARP_ANNOUNCE, arpNotify.index);
  opSet(Op.PROXY_REDO_ARP, arpProxyRedo.index);
  opSet(Op.ARP_GRATUITOUS, arpGratuitous.index);
}
