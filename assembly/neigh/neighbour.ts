/**
 * Neighbours: the link-layer address of each next hop, found and kept fresh by the state machine of RFC 4861 §7.3.
 * One code for ARP and ND; what differs goes through ops. Linux: net/core/neighbour.c, include/net/neighbour.h.
 *
 *           first packet              answer                reachable time over
 *   NONE ─────────────► INCOMPLETE ─────────► REACHABLE ◄──────────────────────────► STALE
 *                         │ no answer            ▲ ▲                                   │ packet
 *                         ▼            confirmed │ │ answer                            ▼
 *                       FAILED ◄─── PROBE ───────┼─┘  ◄───────────────────────────── DELAY
 *                              no answer         └─────────────────────────────────────┘
 *   NOARP, PERMANENT: valid for ever; what a device without ARP, a mapped group or an administrator says.
 *
 * Lifetime: the table holds one reference while the entry is in it; who remembers a Neighbour beyond the present call
 * takes another (neighHold) and, when it finds `dead` set, puts it and looks up anew.
 */
import { TraceKind } from '../abi/trace';
import { traceData } from '../skb/trace';
import { EventType } from '../abi/event';
import { SkbDropReason } from '../abi/drop_reason';
import { NeighVar } from '../abi/sysctl';
import { Op } from '../abi/ops';
import { eventEmit } from '../dev/event';
import { ethHeader } from '../dev/eth';
import { NetDevice } from '../dev/net_device';
import { devQueueXmit } from '../dev/xmit';
import { kfree, kzalloc } from '../lib/kmalloc';
import { opIndex } from '../lib/ops';
import { randomBelow } from '../lib/random';
import { root } from '../lib/root';
import { Timer, timerAdd, timerDel, timerSetup } from '../lib/timer_wheel';
import { Errno } from '../net/errno';
import { AF_INET } from '../net/net';
import { kfreeSkbReason } from '../skb/free';
import { SKB_F_CLONED, SkBuff } from '../skb/sk_buff';
import { skbCowHead } from '../skb/skbuff';
import { arpConstruct } from './arp_construct';
import { ndiscConstruct } from './ndisc_construct';
import { neighRoomForOne, tableGcStart } from './neigh_gc';
import { neighDetachQueue, neighEnqueue, neighPurgeQueue } from './neigh_queue';
import {
  gcListAdd,
  gcListRemove,
  neighHash,
  neighTable,
  neighVar,
  neighVarNs,
  tableEntered,
  tableFind,
  tableInsert,
  tableRemove,
} from './neigh_table';

// Linux: include/uapi/linux/neighbour.h
export const NUD_NONE: u32 = 0x00;
export const NUD_INCOMPLETE: u32 = 0x01;
export const NUD_REACHABLE: u32 = 0x02;
export const NUD_STALE: u32 = 0x04;
export const NUD_DELAY: u32 = 0x08;
export const NUD_PROBE: u32 = 0x10;
export const NUD_FAILED: u32 = 0x20;
export const NUD_NOARP: u32 = 0x40;
export const NUD_PERMANENT: u32 = 0x80;
export const NUD_IN_TIMER: u32 = NUD_INCOMPLETE | NUD_REACHABLE | NUD_DELAY | NUD_PROBE;
export const NUD_CONNECTED: u32 = NUD_PERMANENT | NUD_NOARP | NUD_REACHABLE;
export const NUD_VALID: u32 = NUD_CONNECTED | NUD_PROBE | NUD_STALE | NUD_DELAY;

export const NTF_USE: u32 = 0x01;
export const NTF_PROXY: u32 = 0x08;
export const NTF_EXT_LEARNED: u32 = 0x10;
export const NTF_ROUTER: u32 = 0x80;

// Linux: include/net/neighbour.h
export const NEIGH_UPDATE_F_OVERRIDE: u32 = 0x00000001;
export const NEIGH_UPDATE_F_WEAK_OVERRIDE: u32 = 0x00000002;
export const NEIGH_UPDATE_F_OVERRIDE_ISROUTER: u32 = 0x00000004;
export const NEIGH_UPDATE_F_USE: u32 = 0x10000000;
export const NEIGH_UPDATE_F_ISROUTER: u32 = 0x40000000;
export const NEIGH_UPDATE_F_ADMIN: u32 = 0x80000000;

const ETH_P_IP: u16 = 0x0800;
const ETH_P_IPV6: u16 = 0x86dd;
const HH_BYTES: u32 = 16;
const ETH_HLEN: u32 = 14;
const MAC_MASK: u64 = 0xffffffffffff;
/** No probe follows another sooner, whatever retrans_time_ms says (Linux: HZ / 100). */
export const PROBE_INTERVAL_MIN: u64 = 10_000_000;

@unmanaged
@final
export class Neighbour {
  /** HashNode. */
  hnext: usize;
  hash: u32;
  refs: u32;
  /** NetDevice; not to be looked at once `dead`. */
  dev: usize;
  /** Bytes 0 to 7 and 6 to 13 of the Ethernet header for packets of this family; right in every NUD_VALID state. */
  hh0: u64;
  hh1: u64;
  /** The address, network order; an IPv4 address is in the first four bytes. */
  key0: u64;
  key1: u64;
  /** The MAC, first byte lowest. */
  ha: u64;
  /** ns: last proof of reachability; last change; last packet that needed a look at the state. */
  confirmed: u64;
  updated: u64;
  used: u64;
  /** What base_reachable_time gave, by chance, when the entry last became REACHABLE (ns). */
  reachableTime: u64;
  /** Timer. */
  timer0: u64;
  timer1: u64;
  timer2: u64;
  gcNext: usize;
  gcPrev: usize;
  /** Packets that wait for `ha` (neigh_queue). */
  queueHead: usize;
  queueTail: usize;
  queueBytes: u32;
  /** Probes sent since resolution began. */
  probes: u32;
  /** AF_INET, AF_INET6 */
  family: u8;
  /** NUD_* */
  nudState: u8;
  /** Out of the table: find another. */
  dead: u8;
  /** NTF_* */
  flags: u8;
  /** RtType of the address, for those who ask (Linux: neigh->type). */
  type: u8;
  inGcList: u8;
  /** RTPROT_* of who added it. */
  protocol: u8;
  pad: u8;
}

export function neighKey(neigh: Neighbour): usize {
  return changetype<usize>(neigh) + offsetof<Neighbour>('key0');
}

/** Address of the six bytes of the MAC. */
export function neighHa(neigh: Neighbour): usize {
  return changetype<usize>(neigh) + offsetof<Neighbour>('ha');
}

export function neighTimer(neigh: Neighbour): Timer {
  return changetype<Timer>(changetype<usize>(neigh) + offsetof<Neighbour>('timer0'));
}

export function neighHold(p: usize): void {
  changetype<Neighbour>(p).refs++;
}

/** One reference less; the last frees the entry, which is out of the table by then. */
export function neighPut(p: usize): void {
  const neigh = changetype<Neighbour>(p);
  if (--neigh.refs !== 0) return;
  assert(neigh.dead !== 0, 'neighPut: the table still has a reference');
  neighTable(neigh.family).destroys++;
  root().pathGen++;
  kfree(p);
}

/** The key as the table has it: with one entry for all of IPv4 on links with one neighbour (Linux: arp_hashfn). */
function key0Of(family: u32, key: usize, dev: NetDevice): u64 {
  if (family !== AF_INET) return load<u64>(key);
  return (dev.flags & LINK_OF_ONE) !== 0 ? 0 : <u64>load<u32>(key);
}
/** IFF_LOOPBACK | IFF_POINTOPOINT */
const LINK_OF_ONE: u32 = 0x18;

/** The entry for the address at `key` (4 or 16 bytes, network order) on `dev`, or null. Gives no reference. */
export function neighLookup(family: u32, key: usize, dev: NetDevice): Neighbour | null {
  const key1 = family === AF_INET ? 0 : load<u64>(key, 8);
  return tableFind(neighTable(family), key0Of(family, key, dev), key1, changetype<usize>(dev));
}

/** The entry, made when there is none; null when the table is full or memory ran out. Gives no reference. */
export function neighCreate(family: u32, key: usize, dev: NetDevice): Neighbour | null {
  const found = neighLookup(family, key, dev);
  return found !== null ? found : neighCreateNew(family, key, dev, false);
}

/** A new entry in state NONE, or NOARP where the address follows from the key. `exempt`: not for the collector. */
export function neighCreateNew(family: u32, key: usize, dev: NetDevice, exempt: bool): Neighbour | null {
  const table = neighTable(family);
  if (!exempt && !neighRoomForOne(table, dev.net)) return null;
  const p = kzalloc(offsetof<Neighbour>());
  if (p === 0) return null;
  const neigh = changetype<Neighbour>(p);
  const now = root().now;
  neigh.refs = 1;
  neigh.dev = changetype<usize>(dev);
  neigh.family = <u8>family;
  neigh.key0 = key0Of(family, key, dev);
  if (family !== AF_INET) neigh.key1 = load<u64>(key, 8);
  neigh.used = now;
  neigh.updated = now;
  timerSetup(neighTimer(neigh), Op.TIMER_NEIGH, p);
  drawReachableTime(neigh);
  // So that an entry which was never confirmed does not count as confirmed just now (Linux: ___neigh_create). It may
  // lie before the clock began: only ages, now - confirmed, are compared.
  neigh.confirmed = now - (neighVarNs(neigh.dev, family, NeighVar.BASE_REACHABLE_TIME_MS) << 1);
  if (family === AF_INET) arpConstruct(neigh, bswap<u32>(load<u32>(key)));
  else ndiscConstruct(neigh);
  if (!tableInsert(table, neigh, neighHash(neigh.key0, neigh.key1, neigh.dev))) {
    kfree(p);
    return null;
  }
  table.allocs++;
  if (!exempt) gcListAdd(table, neigh);
  tableGcStart(table);
  return neigh;
}

/** For constructors: the address is known for good. Linux: NUD_NOARP with neigh->ha filled in. */
export function neighSetNoarp(neigh: Neighbour, mac: u64): void {
  neigh.nudState = <u8>NUD_NOARP;
  setHa(neigh, mac);
}

/** RFC 4861 §6.3.2: ReachableTime is uniform between 0.5 and 1.5 of BaseReachableTime. */
function drawReachableTime(neigh: Neighbour): void {
  const base = neighVar(neigh.dev, neigh.family, NeighVar.BASE_REACHABLE_TIME_MS);
  neigh.reachableTime = base === 0 ? 0 : <u64>((base >> 1) + randomBelow(base)) * 1_000_000;
}

function setHa(neigh: Neighbour, mac: u64): void {
  neigh.ha = mac;
  const type = neigh.family === AF_INET ? ETH_P_IP : ETH_P_IPV6;
  const own = changetype<NetDevice>(neigh.dev).addr & MAC_MASK;
  neigh.hh0 = (mac & MAC_MASK) | (own << 48);
  neigh.hh1 = own | ((<u64>bswap<u16>(type)) << 48);
}

/**
 * The only way from state to state: counts it, and tells the host unless the state is one of those that only say
 * what the resolver is doing (Linux sends no RTM_NEWNEIGH for INCOMPLETE and DELAY).
 */
export function neighSetState(neigh: Neighbour, state: u32): void {
  const old = <u32>neigh.nudState;
  if (old === state) return;
  const table = neighTable(neigh.family);
  neigh.nudState = <u8>state;
  if (root().trace !== 0) traceNeigh(TraceKind.NEIGH_STATE, neigh, 0, old);
  if (state !== NUD_NONE) {
    const count = tableEntered(table, state);
    store<u32>(count, load<u32>(count) + 1);
  }
  if (state === NUD_REACHABLE) drawReachableTime(neigh);
  if (state === NUD_PERMANENT) gcListRemove(table, neigh);
  else if (old === NUD_PERMANENT) gcListAdd(table, neigh);
  if (state !== NUD_INCOMPLETE && state !== NUD_DELAY) neighNotify(neigh, state);
  if ((neigh.flags & NTF_ROUTER) !== 0 && (state & (NUD_FAILED | NUD_CONNECTED | NUD_STALE)) !== 0)
    routerState(neigh, state);
}

/** RFC 4191 3.2: routers that do not answer are the last to be asked. */
function routerState(neigh: Neighbour, state: u32): void {
  const fn = opIndex(Op.NDISC_ROUTER_STATE);
  if (fn !== 0) call_indirect<void>(fn, neigh.dev, neighKey(neigh), <u32>(state === NUD_FAILED));
}

/** State 0 (NONE) says that the entry is gone. */
function neighNotify(neigh: Neighbour, state: u32): void {
  const dev = changetype<NetDevice>(neigh.dev);
  eventEmit(EventType.NEIGH, neigh.family, dev.net, dev.ifindex, state, neighKey(neigh));
}

export function neighAddTimer(neigh: Neighbour, when: u64): void {
  timerAdd(neighTimer(neigh), when);
}

/**
 * Sends the packet (data at its network header) to the neighbour, or queues it until the address is known. Owns the
 * skb; skb.protocol says what it is.
 */
export function neighOutput(neigh: Neighbour, skb: SkBuff): void {
  if (root().trace !== 0) traceNeigh(TraceKind.NEIGH, neigh, changetype<usize>(skb), 0);
  if ((neigh.nudState & NUD_CONNECTED) !== 0) neighHhOutput(neigh, skb);
  else neighResolveOutput(neigh, skb);
}

/** A step of a packet at this neighbour, or of the neighbour itself: its state, address and MAC. */
function traceNeigh(kind: TraceKind, neigh: Neighbour, skb: usize, a: u32): void {
  const where = neighKey(neigh);
  // The MAC follows the key in the record.
  traceData(kind, neigh.nudState, skb, neigh.dev, a, neigh.family, 0, 0, where, 22);
}

/** Linux: neigh_hh_output. */
function neighHhOutput(neigh: Neighbour, skb: SkBuff): void {
  if (skb.data - skb.head < HH_BYTES || (skb.flags & SKB_F_CLONED) !== 0) {
    if (!skbCowHead(skb, HH_BYTES)) {
      kfreeSkbReason(skb, SkbDropReason.NEIGH_HH_FILLFAIL);
      return;
    }
  }
  skb.dev = neigh.dev;
  // IPv4 by an IPv6 next hop (RFC 8950): the cached header has the wrong type.
  if (neigh.family !== AF_INET && skb.protocol === ETH_P_IP) {
    ethHeader(skb, changetype<NetDevice>(neigh.dev), ETH_P_IP, neighHa(neigh));
    devQueueXmit(skb);
    return;
  }
  const eth = skb.data - ETH_HLEN;
  store<u64>(eth, neigh.hh0);
  store<u64>(eth, neigh.hh1, 6);
  skb.data = eth;
  skb.macHeader = eth;
  skb.len += ETH_HLEN;
  devQueueXmit(skb);
}

/** Linux: neigh_resolve_output. */
function neighResolveOutput(neigh: Neighbour, skb: SkBuff): void {
  if (neigh.dead !== 0) {
    kfreeSkbReason(skb, SkbDropReason.NEIGH_DEAD);
    return;
  }
  if (neighEventSend(neigh, changetype<usize>(skb))) neighHhOutput(neigh, skb);
}

/**
 * The neighbour is to be used, by `skb` or (0) for its own sake. True: its address is good, send. False: the skb, if
 * any, was queued or dropped. Linux: neigh_event_send.
 */
export function neighEventSend(neigh: Neighbour, skb: usize): bool {
  const now = root().now;
  const state = <u32>neigh.nudState;
  neigh.used = now;
  if ((state & (NUD_CONNECTED | NUD_DELAY | NUD_PROBE)) !== 0) return true;
  if (state === NUD_STALE) {
    // In STALE, on a packet: send it, go to DELAY (RFC 4861 §7.3.3).
    neighSetState(neigh, NUD_DELAY);
    neigh.updated = now;
    neighAddTimer(neigh, now + neighVarNs(neigh.dev, neigh.family, NeighVar.DELAY_FIRST_PROBE_TIME_MS));
    return true;
  }
  if (neigh.dead !== 0) {
    if (skb !== 0) kfreeSkbReason(changetype<SkBuff>(skb), SkbDropReason.NEIGH_DEAD);
    return false;
  }
  const resolve = state !== NUD_INCOMPLETE;
  if (resolve) {
    neigh.updated = now;
    const probes =
      neighVar(neigh.dev, neigh.family, NeighVar.MCAST_SOLICIT) +
      neighVar(neigh.dev, neigh.family, NeighVar.APP_SOLICIT);
    if (probes === 0) {
      // Nobody may be asked: in NONE or FAILED, on a packet: go to FAILED.
      neighSetState(neigh, NUD_FAILED);
      if (skb !== 0) kfreeSkbReason(changetype<SkBuff>(skb), SkbDropReason.NEIGH_FAILED);
      return false;
    }
    // In NONE or FAILED, on a packet: queue it, ask everybody, go to INCOMPLETE (RFC 4861 §7.2.2).
    neigh.probes = neighVar(neigh.dev, neigh.family, NeighVar.UCAST_SOLICIT);
    neighSetState(neigh, NUD_INCOMPLETE);
    neighAddTimer(neigh, now + neighProbeInterval(neigh));
  }
  if (skb !== 0 && root().trace !== 0) traceNeigh(TraceKind.NEIGH, neigh, skb, 1);
  if (skb !== 0) neighEnqueue(neigh, changetype<SkBuff>(skb));
  if (resolve) neighProbe(neigh);
  return false;
}

export function neighProbeInterval(neigh: Neighbour): u64 {
  return max(neighVarNs(neigh.dev, neigh.family, NeighVar.RETRANS_TIME_MS), PROBE_INTERVAL_MIN);
}

/** Asks for the address; the newest packet that waits may give the source address. Linux: neigh_probe. */
export function neighProbe(neigh: Neighbour): void {
  if (root().trace !== 0) traceNeigh(TraceKind.SOLICIT, neigh, 0, neigh.probes);
  const fn = opIndex(neigh.family === AF_INET ? Op.NEIGH_ARP_SOLICIT : Op.NEIGH_NDISC_SOLICIT);
  if (fn !== 0) call_indirect<void>(fn, changetype<usize>(neigh), neigh.queueTail);
  neigh.probes++;
}

/** The address did not answer: what waited for it fails. Linux: neigh_invalidate. */
export function neighInvalidate(neigh: Neighbour): void {
  neighTable(neigh.family).resFailed++;
  neigh.updated = root().now;
  const fn = opIndex(neigh.family === AF_INET ? Op.NEIGH_ARP_ERROR : Op.NEIGH_NDISC_ERROR);
  neigh.refs++;
  // Taken off first: an error that is sent may come back here and start resolution again.
  let at = neighDetachQueue(neigh);
  while (at !== 0) {
    const skb = changetype<SkBuff>(at);
    at = skb.next;
    skb.next = 0;
    if (fn !== 0) call_indirect<void>(fn, changetype<usize>(neigh), changetype<usize>(skb));
    kfreeSkbReason(skb, SkbDropReason.NEIGH_FAILED);
  }
  neighPut(changetype<usize>(neigh));
}

/** An upper layer has proof that the neighbour answers (RFC 4861 §7.3.1). */
export function neighConfirm(neigh: Neighbour): void {
  neigh.confirmed = root().now;
}

/**
 * What was heard about a neighbour: its MAC (6 bytes at `lladdr`, 0: as known), the state that this justifies, and
 * by NEIGH_UPDATE_F_* how far it is to be believed. 0, or -EPERM (administrator's entry, or dead), -EINVAL (no
 * address known). Linux: __neigh_update.
 */
export function neighUpdate(neigh: Neighbour, lladdr: usize, newState: u32, flags: u32): i32 {
  const now = root().now;
  const old = <u32>neigh.nudState;
  if (neigh.dead !== 0) return -Errno.EPERM;
  if ((flags & NEIGH_UPDATE_F_ADMIN) === 0 && (old & (NUD_NOARP | NUD_PERMANENT)) !== 0) return -Errno.EPERM;
  if ((flags & NEIGH_UPDATE_F_USE) !== 0) {
    if (old === NUD_PERMANENT) neighSetState(neigh, NUD_NONE);
    return 0;
  }
  if ((newState & NUD_VALID) === 0) {
    timerDel(neighTimer(neigh));
    neighSetState(neigh, newState);
    if ((old & (NUD_INCOMPLETE | NUD_PROBE)) !== 0 && newState === NUD_FAILED) neighInvalidate(neigh);
    return 0;
  }
  if (lladdr === 0 && (old & NUD_VALID) === 0) return -Errno.EINVAL;
  const mac = lladdr === 0 ? neigh.ha : <u64>load<u32>(lladdr) | ((<u64>load<u16>(lladdr, 4)) << 32);
  let change = (old & NUD_VALID) === 0 || mac !== neigh.ha;
  const isRouter = (flags & NEIGH_UPDATE_F_OVERRIDE_ISROUTER) !== 0;
  let setRouter = isRouter;
  if ((newState & NUD_CONNECTED) !== 0) neigh.confirmed = now;
  if ((old & NUD_VALID) !== 0) {
    if (change && (flags & NEIGH_UPDATE_F_OVERRIDE) === 0) {
      setRouter = false;
      // RFC 4861 §7.2.5: another address without Override makes a REACHABLE entry STALE and changes nothing else.
      if ((flags & NEIGH_UPDATE_F_WEAK_OVERRIDE) === 0 || (old & NUD_CONNECTED) === 0) return 0;
      change = false;
      newState = NUD_STALE;
    } else if (!change && newState === NUD_STALE && (flags & NEIGH_UPDATE_F_ADMIN) === 0) {
      // What is known already says nothing new about reachability.
      newState = old;
    }
  }
  // Only a real change moves the locktime window.
  if (newState !== old || change) neigh.updated = now;
  neigh.refs++;
  if (change) {
    setHa(neigh, mac);
    if ((newState & NUD_CONNECTED) === 0) {
      neigh.confirmed = now - (neighVarNs(neigh.dev, neigh.family, NeighVar.BASE_REACHABLE_TIME_MS) << 1);
    }
  }
  if (newState !== old) {
    timerDel(neighTimer(neigh));
    if (newState === NUD_PROBE) neigh.probes = 0;
    neighSetState(neigh, newState);
    if (newState === NUD_REACHABLE) neighAddTimer(neigh, now + neigh.reachableTime);
    else if ((newState & NUD_IN_TIMER) !== 0) neighAddTimer(neigh, now);
    if ((old & NUD_VALID) === 0) sendQueued(neigh);
  } else if (change) {
    neighNotify(neigh, newState);
  }
  if (setRouter && neigh.dead === 0) setIsRouter(neigh, (flags & NEIGH_UPDATE_F_ISROUTER) !== 0);
  neighPut(changetype<usize>(neigh));
  return 0;
}

function setIsRouter(neigh: Neighbour, router: bool): void {
  const flags = router ? neigh.flags | NTF_ROUTER : neigh.flags & ~NTF_ROUTER;
  if (neigh.flags === <u8>flags) return;
  neigh.flags = <u8>flags;
  neighNotify(neigh, neigh.nudState);
}

/** The address is known: off with what waited for it, in order. */
function sendQueued(neigh: Neighbour): void {
  let at = neighDetachQueue(neigh);
  while (at !== 0) {
    const skb = changetype<SkBuff>(at);
    at = skb.next;
    skb.next = 0;
    neighOutput(neigh, skb);
  }
}

/**
 * A request or solicitation of `key` told us its MAC: known from now on, and STALE when that is news. The entry, or
 * null. Linux: neigh_event_ns.
 */
export function neighEventNs(family: u32, lladdr: usize, key: usize, dev: NetDevice): Neighbour | null {
  const neigh = lladdr !== 0 ? neighCreate(family, key, dev) : neighLookup(family, key, dev);
  if (neigh !== null) neighUpdate(neigh, lladdr, NUD_STALE, NEIGH_UPDATE_F_OVERRIDE);
  return neigh;
}

/** Takes the entry out of the table; whoever holds it finds it dead. */
export function neighRemove(neigh: Neighbour): void {
  const table = neighTable(neigh.family);
  timerDel(neighTimer(neigh));
  gcListRemove(table, neigh);
  tableRemove(table, neigh);
  neigh.dead = 1;
  neighSetDead(neigh);
  neighPurgeQueue(neigh, SkbDropReason.QUEUE_PURGE);
  neighPut(changetype<usize>(neigh));
}

/** Not by neighSetState: a dead entry is in no list any more. NONE keeps neighOutput off the fast path. */
function neighSetDead(neigh: Neighbour): void {
  neigh.nudState = <u8>NUD_NONE;
  neighNotify(neigh, NUD_NONE);
}

function flushDev(family: u32, dev: usize, skipPermanent: bool): void {
  const table = neighTable(family);
  for (let bucket: u32 = 0; table.buckets !== 0 && bucket <= table.mask; bucket++) {
    let at = <usize>load<u32>(table.buckets + (bucket << 2));
    while (at !== 0) {
      const neigh = changetype<Neighbour>(at);
      at = neigh.hnext;
      if (neigh.dev !== dev) continue;
      if (skipPermanent && neigh.nudState === NUD_PERMANENT) continue;
      neighRemove(neigh);
      if (table.buckets === 0) return;
    }
  }
}

/** The device goes down or away: all its neighbours go. */
export function neighIfdown(dev: NetDevice): void {
  neighIfdownFamily(AF_INET, dev);
  neighIfdownFamily(10, dev);
}

/** The device no longer speaks the protocol of `family`. */
export function neighIfdownFamily(family: u32, dev: NetDevice): void {
  flushDev(family, changetype<usize>(dev), false);
}

/** The device has another MAC: every cached header is wrong. */
export function neighChangeAddr(dev: NetDevice): void {
  neighIfdown(dev);
}

/** The device lost its carrier, or the administrator wants the cache empty: what he entered himself stays. */
export function neighFlushFamily(family: u32, dev: NetDevice): void {
  flushDev(family, changetype<usize>(dev), true);
}
