/**
 * Where a frame goes: out of one port, of all, or of those with a listener. Linux: net/bridge/br_forward.c.
 *
 * skb.data is at the network header, macHeader at the Ethernet header, as everywhere in a bridge; only what is given to
 * a port's device begins with the Ethernet header again. A frame for several ports is cloned, never copied.
 */
import { SkbDropReason } from '../abi/drop_reason';
import { BrState } from '../abi/bridge';
import { TraceBridge, TraceBridgeNot } from '../abi/trace';
import { nfHook } from '../dev/nf_hook';
import { IFF_UP, NetDevice } from '../dev/net_device';
import { devQueueXmit } from '../dev/xmit';
import { root } from '../lib/root';
import { NFPROTO_BRIDGE, NetfilterHook } from '../net/hooks';
import { kfreeSkbReason } from '../skb/free';
import { CHECKSUM_COMPLETE, CHECKSUM_NONE, SkBuff } from '../skb/sk_buff';
import { skbClone, skbCowHead } from '../skb/skbuff';
import { ETH_HLEN } from '../wire/ethernet';
import { VLAN_HLEN } from '../wire/vlan';
import { brFloodSuppressed } from './br_arp_nd_proxy';
import { MdbEntry, PortGroup, mdbPortWants, portHasRouter } from './br_mdb';
import {
  BR_BCAST_FLOOD,
  BR_FLOOD,
  BR_HAIRPIN_MODE,
  BR_ISOLATED,
  BR_MCAST_FLOOD,
  BR_MULTICAST_TO_UNICAST,
  MAC_MASK,
  BrPort,
  Bridge,
} from './br_private';
import { brTraceDest } from './br_trace';
import { brAllowedEgress, brHandleVlan } from './br_vlan';

/** Flags of a frame on its way: sent by the bridge device itself; a copy goes up to it as well. */
export const BR_LOCAL_ORIG: u32 = 1;
export const BR_LOCAL_RCV: u32 = 2;

/** Linux: should_deliver. `from` is the port that the frame came in by, or null. */
function shouldDeliver(br: Bridge, to: BrPort, from: BrPort | null, skb: SkBuff): bool {
  if (to.state !== <u8>BrState.FORWARDING) return false;
  if (to === from && (to.flags & BR_HAIRPIN_MODE) === 0) return false;
  if (from !== null && (from.flags & to.flags & BR_ISOLATED) !== 0) return false;
  return br.vlanFiltering === 0 || brAllowedEgress(to.vlans, skb);
}

/** Tells why `to` does not get the frame. */
function traceNot(br: Bridge, to: BrPort, from: BrPort | null, skb: SkBuff, floods: bool): void {
  let why = TraceBridgeNot.VLAN;
  if (!floods) why = TraceBridgeNot.FLOODING;
  else if (to.state !== <u8>BrState.FORWARDING) why = TraceBridgeNot.STATE;
  else if (to === from && (to.flags & BR_HAIRPIN_MODE) === 0) why = TraceBridgeNot.SAME;
  else if (from !== null && (from.flags & to.flags & BR_ISOLATED) !== 0) why = TraceBridgeNot.ISOLATED;
  else if (br.vlanFiltering === 0 || brAllowedEgress(to.vlans, skb)) why = TraceBridgeNot.LISTENERS;
  // That it does not go back where it came from is no news.
  if (why === TraceBridgeNot.SAME && from !== null) return;
  brTraceDest(TraceBridge.NOT, skb, changetype<usize>(to), 0, why);
}

/** Owns the skb: sends it out of `to`, through the bridge family's hooks. Linux: __br_forward. */
function forwardTo(br: Bridge, to: BrPort, skb: SkBuff, local: bool): void {
  if (br.vlanFiltering !== 0) brHandleVlan(br, to.vlans, skb);
  const indev = local ? 0 : skb.dev;
  skb.dev = to.dev;
  if (root().trace !== 0) brTraceDest(TraceBridge.OUT, skb, changetype<usize>(to), 0, 0);
  if (skb.ipSummed === CHECKSUM_COMPLETE) skb.ipSummed = CHECKSUM_NONE;
  const net = changetype<NetDevice>(to.dev).net;
  if (net.hookCount !== 0) {
    const hook = local ? NetfilterHook.LOCAL_OUT : NetfilterHook.FORWARD;
    if (!nfHook(net, NFPROTO_BRIDGE, hook, skb, indev, to.dev)) return;
  }
  brForwardFinish(skb);
}

/** Behind FORWARD or LOCAL_OUT. */
export function brForwardFinish(skb: SkBuff): void {
  const net = changetype<NetDevice>(skb.dev).net;
  if (net.hookCount !== 0 && !nfHook(net, NFPROTO_BRIDGE, NetfilterHook.POST_ROUTING, skb, 0, skb.dev))
    return;
  brDevQueuePushXmit(skb);
}

/** Behind POST_ROUTING: a frame again, if the port's device takes its length. Linux: is_skb_forwardable. */
export function brDevQueuePushXmit(skb: SkBuff): void {
  const dev = changetype<NetDevice>(skb.dev);
  skb.len += skb.data - skb.macHeader;
  skb.data = skb.macHeader;
  if ((dev.flags & IFF_UP) === 0) {
    kfreeSkbReason(skb, SkbDropReason.DEV_READY);
    return;
  }
  if (skb.gsoSize === 0 && skb.len > dev.mtu + ETH_HLEN + VLAN_HLEN) {
    kfreeSkbReason(skb, SkbDropReason.PKT_TOO_BIG);
    return;
  }
  devQueueXmit(skb);
}

function deliverClone(br: Bridge, to: BrPort, skb: SkBuff, local: bool): void {
  const clone = skbClone(skb);
  if (clone === null) changetype<NetDevice>(br.dev).txDropped++;
  else forwardTo(br, to, clone, local);
}

/**
 * To one port. With BR_LOCAL_RCV the skb stays the caller's, otherwise it is gone. Linux: br_forward.
 */
export function brForward(br: Bridge, to: usize, from: BrPort | null, skb: SkBuff, how: u32): void {
  const local = (how & BR_LOCAL_ORIG) !== 0;
  if (to !== 0 && shouldDeliver(br, changetype<BrPort>(to), from, skb)) {
    if ((how & BR_LOCAL_RCV) !== 0) deliverClone(br, changetype<BrPort>(to), skb, local);
    else forwardTo(br, changetype<BrPort>(to), skb, local);
    return;
  }
  if (to !== 0 && root().trace !== 0) traceNot(br, changetype<BrPort>(to), null, skb, true);
  if ((how & BR_LOCAL_RCV) === 0) kfreeSkbReason(skb, SkbDropReason.NO_TX_TARGET);
}

/**
 * To every port that floods such frames: `kind` is BR_FLOOD, BR_MCAST_FLOOD or BR_BCAST_FLOOD. Linux: br_flood. What the
 * bridge device itself sends to a group goes out even where groups are not flooded.
 */
export function brFlood(br: Bridge, from: BrPort | null, skb: SkBuff, kind: u32, how: u32): void {
  const local = (how & BR_LOCAL_ORIG) !== 0;
  const always = local && kind !== BR_FLOOD;
  let prev: usize = 0;
  let at = br.ports;
  while (at !== 0) {
    const p = changetype<BrPort>(at);
    at = p.next;
    const floods = (always || (p.flags & kind) !== 0) && (br.arpProxy === 0 || !brFloodSuppressed(p, skb));
    if (!floods || !shouldDeliver(br, p, from, skb)) {
      if (root().trace !== 0) traceNot(br, p, from, skb, floods);
      continue;
    }
    if (prev !== 0) deliverClone(br, changetype<BrPort>(prev), skb, local);
    prev = changetype<usize>(p);
  }
  last(br, prev, skb, how);
}

/** To the ports of a group's entry (0: none) and to those with a multicast router behind. Linux: br_multicast_flood. */
export function brMulticastFlood(br: Bridge, mdst: usize, from: BrPort | null, skb: SkBuff, how: u32): void {
  const local = (how & BR_LOCAL_ORIG) !== 0;
  let prev: usize = 0;
  let at = br.ports;
  while (at !== 0) {
    const p = changetype<BrPort>(at);
    at = p.next;
    if (mdst !== 0 && (p.flags & BR_MULTICAST_TO_UNICAST) !== 0 && !portHasRouter(p)) {
      toEach(br, mdst, p, from, skb, local);
      continue;
    }
    if (!mdbPortWants(mdst, p) || !shouldDeliver(br, p, from, skb)) {
      if (root().trace !== 0) traceNot(br, p, from, skb, true);
      continue;
    }
    if (prev !== 0) deliverClone(br, changetype<BrPort>(prev), skb, local);
    prev = changetype<usize>(p);
  }
  last(br, prev, skb, how);
}

/** A copy to each listener behind the port, to its own address. Linux: maybe_deliver_addr. */
function toEach(br: Bridge, mdst: usize, p: BrPort, from: BrPort | null, skb: SkBuff, local: bool): void {
  for (let at = changetype<MdbEntry>(mdst).ports; at !== 0; at = changetype<PortGroup>(at).next) {
    const pg = changetype<PortGroup>(at);
    if (pg.port !== changetype<usize>(p) || !shouldDeliver(br, p, from, skb)) continue;
    // Not back to who sent it, even by a hairpin: IPv6 would take its own address for a duplicate.
    if (p === from && load<u64>(skb.macHeader, 4) >> 16 === pg.addr) continue;
    const clone = skbClone(skb);
    if (clone === null || !skbCowHead(clone, 0)) {
      changetype<NetDevice>(br.dev).txDropped++;
      if (clone !== null) kfreeSkbReason(clone, SkbDropReason.NOMEM);
      continue;
    }
    if (pg.addr !== MAC_MASK) {
      store<u32>(clone.macHeader, <u32>pg.addr);
      store<u16>(clone.macHeader, <u16>(pg.addr >> 32), 4);
    }
    forwardTo(br, p, clone, local);
  }
}

/** The last port gets the skb itself, unless it goes up as well. */
function last(br: Bridge, to: usize, skb: SkBuff, how: u32): void {
  const local = (how & BR_LOCAL_ORIG) !== 0;
  if ((how & BR_LOCAL_RCV) !== 0) {
    if (to !== 0) deliverClone(br, changetype<BrPort>(to), skb, local);
    return;
  }
  if (to !== 0) forwardTo(br, changetype<BrPort>(to), skb, local);
  else kfreeSkbReason(skb, SkbDropReason.NO_TX_TARGET);
}

/** The kind of flooding that a frame to a group is subject to. */
export function brFloodKind(dest: u64): u32 {
  return dest === 0xffffffffffff ? BR_BCAST_FLOOD : BR_MCAST_FLOOD;
}
