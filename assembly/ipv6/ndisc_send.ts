/**
 * Neighbour solicitations and advertisements that we send. Linux: net/ipv6/ndisc.c, ndisc_send_ns, ndisc_send_na,
 * ndisc_solicit.
 */
import { NeighVar, Ipv6Conf } from '../abi/sysctl';
import { NetDevice, conf6, devAddrPtr } from '../dev/net_device';
import { Scratch, scratch } from '../lib/scratch';
import { AF_INET6 } from '../net/net';
import { Neighbour, neighKey } from '../neigh/neighbour';
import { neighVar } from '../neigh/neigh_table';
import { allocSkb } from '../skb/pool';
import { SkBuff } from '../skb/sk_buff';
import { skbPut } from '../skb/skbuff';
import { IPV6_HDR_LEN, NEXTHDR_ICMP, emitIpv6, ipv6Saddr } from '../wire/ipv6';
import { ipv6AddrIsAny, ipv6AddrSolictMult } from '../wire/ipv6_addr';
import {
  NDISC_HOPLIMIT,
  ND_NA_FLAG_OVERRIDE,
  ND_NA_FLAG_ROUTER,
  ND_NA_FLAG_SOLICITED,
  ND_NA_LEN,
  ND_NS_LEN,
  emitNdNa,
  emitNdNs,
} from '../wire/ndisc';
import {
  ND_OPT_LLADDR_LEN,
  ND_OPT_NONCE,
  ND_OPT_SOURCE_LL_ADDR,
  ND_OPT_TARGET_LL_ADDR,
  emitNdOptLladdr,
} from '../wire/ndisc_options';
import { IFA_F_TENTATIVE, Inet6Ifaddr, ifaAddr, ipv6ChkAddr, ipv6GetLladdr } from './addr_hash';
import { icmpv6Checksum, icmpv6CountOut } from './icmp';
import { ip6XmitLink } from './ip6_output';

const ADDR_ANY = memory.data<u8>([0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]);
/** ff02::1 */
export const ALL_NODES = memory.data<u8>([0xff, 2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1]);
/** Type, length and 6 bytes of nonce (RFC 3971 5.3.2). */
const NONCE_LEN: u32 = 8;

/** An skb with room for a message of `len` bytes, its data at the IPv6 header, or null. */
export function ndiscAlloc(len: u32): SkBuff | null {
  const skb = allocSkb(IPV6_HDR_LEN + len);
  if (skb !== null) skbPut(skb, IPV6_HDR_LEN + len);
  return skb;
}

/** Header and checksum around the message behind 40 bytes, and out of `dev`. Linux: ndisc_send_skb. */
export function ndiscSendSkb(skb: SkBuff, dev: NetDevice, saddr: usize, daddr: usize): void {
  const p = skb.data + IPV6_HDR_LEN;
  const len = skb.len - IPV6_HDR_LEN;
  emitIpv6(skb.data, 0, 0, len, NEXTHDR_ICMP, NDISC_HOPLIMIT, saddr, daddr);
  icmpv6Checksum(saddr, daddr, p, len);
  icmpv6CountOut(dev.net, load<u8>(p));
  ip6XmitLink(skb, dev);
}

/**
 * Asks for `target`. `saddr` 0: the link-local address, and nothing is sent when there is none. "The option MUST NOT
 * be included when the source IP address is the unspecified address" (RFC 4861 4.3).
 */
export function ndiscSendNs(dev: NetDevice, target: usize, daddr: usize, saddr: usize, nonce: u64): void {
  if (saddr === 0) {
    saddr = ipv6GetLladdr(dev, IFA_F_TENTATIVE);
    if (saddr === 0) return;
  }
  const withAddr = !ipv6AddrIsAny(saddr);
  const len = ND_NS_LEN + (withAddr ? ND_OPT_LLADDR_LEN : 0) + (nonce !== 0 ? NONCE_LEN : 0);
  const skb = ndiscAlloc(len);
  if (skb === null) return;
  let p = skb.data + IPV6_HDR_LEN;
  emitNdNs(p, target);
  p += ND_NS_LEN;
  if (withAddr) p += emitNdOptLladdr(p, ND_OPT_SOURCE_LL_ADDR, devAddrPtr(dev));
  if (nonce !== 0) store<u64>(p, <u64>(ND_OPT_NONCE | (1 << 8)) | (nonce << 16));
  ndiscSendSkb(skb, dev, saddr, daddr);
}

/** Answers for `target`. `withAddr`: with our link-layer address. */
export function ndiscSendNa(
  dev: NetDevice,
  daddr: usize,
  target: usize,
  saddr: usize,
  router: bool,
  solicited: bool,
  overrides: bool,
  withAddr: bool,
): void {
  const skb = ndiscAlloc(ND_NA_LEN + (withAddr ? ND_OPT_LLADDR_LEN : 0));
  if (skb === null) return;
  const p = skb.data + IPV6_HDR_LEN;
  const flags =
    (router ? ND_NA_FLAG_ROUTER : 0) |
    (solicited ? ND_NA_FLAG_SOLICITED : 0) |
    (overrides ? ND_NA_FLAG_OVERRIDE : 0);
  emitNdNa(p, flags, target);
  if (withAddr) emitNdOptLladdr(p + ND_NA_LEN, ND_OPT_TARGET_LL_ADDR, devAddrPtr(dev));
  ndiscSendSkb(skb, dev, saddr, daddr);
}

/** "Look, this is me" to all nodes (RFC 4861 7.2.6). */
export function ndiscSendUnsolicitedNa(dev: NetDevice, ifa: Inet6Ifaddr): void {
  const addr = ifaAddr(ifa);
  ndiscSendNa(dev, ALL_NODES, addr, addr, conf6(dev, Ipv6Conf.FORWARDING) !== 0, false, true, true);
}

/** The answer to duplicate detection by another: to all nodes, from the address itself. */
export function ndiscDefend(dev: NetDevice, ifa: Inet6Ifaddr): void {
  ndiscSendUnsolicitedNa(dev, ifa);
}

/** A solicitation of duplicate address detection (RFC 4862 5.4.2). */
export function ndiscSendDadNs(dev: NetDevice, ifa: Inet6Ifaddr): void {
  const group = scratch(Scratch.NDISC_SEND_GROUP);
  ipv6AddrSolictMult(ifaAddr(ifa), group);
  ndiscSendNs(dev, ifaAddr(ifa), group, ADDR_ANY, ifa.dadNonce);
}

/**
 * Op NEIGH_NDISC_SOLICIT: the state machine wants to hear of the neighbour; `skb` (or 0) waits for it. First as
 * unicast while its address is known, then to the solicited-node group (RFC 4861 7.3.3, 7.2.2).
 */
export function ndiscSolicit(p: usize, skb: usize): void {
  const neigh = changetype<Neighbour>(p);
  const dev = changetype<NetDevice>(neigh.dev);
  const target = neighKey(neigh);
  let saddr: usize = 0;
  if (skb !== 0) {
    // RFC 4861 7.2.2: the source of the packet that waits, when it is ours on this link.
    const from = ipv6Saddr(changetype<SkBuff>(skb).networkHeader);
    if (ipv6ChkAddr(dev.net, from, neigh.dev)) saddr = from;
  }
  const unicast = neighVar(neigh.dev, AF_INET6, NeighVar.UCAST_SOLICIT);
  if (neigh.probes < unicast) {
    ndiscSendNs(dev, target, target, saddr, 0);
    return;
  }
  if (neigh.probes - unicast < neighVar(neigh.dev, AF_INET6, NeighVar.APP_SOLICIT)) return;
  const group = scratch(Scratch.NDISC_SEND_GROUP2);
  ipv6AddrSolictMult(target, group);
  ndiscSendNs(dev, target, group, saddr, 0);
}
