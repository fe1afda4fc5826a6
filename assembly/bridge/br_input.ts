/**
 * What a port receives: a bridge's rx_handler. Linux: net/bridge/br_input.c.
 *
 *   brHandleFrames ─ each ─┬─ known source and destination, idle port (br_forward_fast) ──► its transmit ring
 *                          └─ brHandleFrame ─► 01:80:c2:00:00:0x ─► spanning tree, or up by the port itself
 *                               PRE_ROUTING ─► VLAN ─► learn ─► snooping ─► forward, flood ─┐
 *                                                                   up, as the bridge's ◄───┘ LOCAL_IN
 *
 * The frames of a burst that go up do so together, at its end, in the places of the list that the others left.
 */
import { BrState } from '../abi/bridge';
import { SkbDropReason } from '../abi/drop_reason';
import { Op } from '../abi/ops';
import { TraceBridge } from '../abi/trace';
import { nfHook } from '../dev/nf_hook';
import { IFF_PROMISC, NetDevice } from '../dev/net_device';
import { netifReceiveSkbList } from '../dev/receive';
import { SCRATCH_PROTO, scratchList } from '../dev/scratch';
import { root } from '../lib/root';
import { NFPROTO_BRIDGE, NetfilterHook } from '../net/hooks';
import { kfreeSkbReason } from '../skb/free';
import { PACKET_HOST, PACKET_LOOPBACK, SkBuff } from '../skb/sk_buff';
import { brDoProxySuppress } from './br_arp_nd_proxy';
import { FDB_LOCAL, FDB_STICKY, fdbFind, fdbKey, fdbLearnedFull, fdbTick, fdbUpdate } from './br_fdb';
import { BR_LOCAL_RCV, brFlood, brForward, brMulticastFlood } from './br_forward';
import { brForwardRun } from './br_forward_fast';
import {
  MCAST_DROP,
  MCAST_FLOOD,
  mdbFind,
  mdbHostJoined,
  multicastQuerierExists,
  multicastRcv,
} from './br_multicast';
import {
  BR_BCAST_FLOOD,
  BR_FLOOD,
  BR_LEARNING,
  BR_MCAST_FLOOD,
  BR_PORT_LOCKED,
  BrPort,
  Bridge,
  GROUP_BIT,
  LINK_LOCAL,
  LINK_LOCAL_MASK,
  MAC_MASK,
  brAttr,
} from './br_private';
import { BrAttr } from '../abi/bridge';
import { brStpRcv } from './br_stp_bpdu';
import { brTraceDest, brTraceFound, brTraceSource } from './br_trace';
import { vlanState } from './br_vlan_entry';
import { VLAN_DROP, brAllowedEgress, brAllowedIngress, brHandleVlan, brShouldLearn } from './br_vlan';

/** What became of a frame: it is gone; it is the port's own; it goes up by the bridge. */
const GONE: u32 = 0;
const PASS: u32 = 1;
const UP: u32 = 2;

export function brHandleFrames(list: usize, n: u32, devPtr: usize): u32 {
  const dev = changetype<NetDevice>(devPtr);
  const p = changetype<BrPort>(dev.rxHandlerData);
  const br = changetype<Bridge>(p.br);
  let passed: u32 = 0;
  let ups: u32 = 0;
  let upHead: usize = 0;
  let upTail: usize = 0;
  let i: u32 = 0;
  for (;;) {
    i = brForwardRun(br, p, dev, list, i, n);
    if (i === n) break;
    const skb = changetype<SkBuff>(load<u32>(list + (i << 2)));
    i++;
    const what = brHandleFrame(br, p, skb);
    if (what === PASS) {
      store<u32>(list + (passed++ << 2), changetype<usize>(skb));
    } else if (what === UP) {
      skb.next = 0;
      if (upTail !== 0) changetype<SkBuff>(upTail).next = changetype<usize>(skb);
      else upHead = changetype<usize>(skb);
      upTail = changetype<usize>(skb);
      ups++;
    }
  }
  if (ups === 0) return passed;
  const own = list + (passed << 2);
  for (let i: u32 = 0; i < ups; i++) {
    const skb = changetype<SkBuff>(upHead);
    upHead = skb.next;
    skb.next = 0;
    store<u32>(own + (i << 2), changetype<usize>(skb));
  }
  netifReceiveSkbList(changetype<NetDevice>(br.dev), own, ups);
  return passed;
}

/** Linux: br_handle_frame. */
function brHandleFrame(br: Bridge, p: BrPort, skb: SkBuff): u32 {
  if (skb.pktType === PACKET_LOOPBACK) return PASS;
  const eth = skb.macHeader;
  const dest = load<u64>(eth) & MAC_MASK;
  const source = load<u64>(eth, 4) >> 16;
  if (root().trace !== 0) brTraceSource(TraceBridge.PORT, skb, changetype<usize>(p), 0, p.state);
  if (source === 0 || (source & GROUP_BIT) !== 0) return drop(skb, SkbDropReason.MAC_INVALID_SOURCE);
  if ((dest & LINK_LOCAL_MASK) === LINK_LOCAL) {
    const what = linkLocal(br, p, skb, <u32>(dest >> 40) & 15);
    if (what !== UP) return what;
  }
  if (p.state !== <u8>BrState.FORWARDING && p.state !== <u8>BrState.LEARNING)
    return drop(skb, SkbDropReason.BRIDGE_INGRESS_STP_STATE);
  if (dest === changetype<NetDevice>(br.dev).addr) skb.pktType = PACKET_HOST;
  const net = changetype<NetDevice>(br.dev).net;
  if (net.hookCount !== 0 && !nfHook(net, NFPROTO_BRIDGE, NetfilterHook.PRE_ROUTING, skb, skb.dev, 0))
    return GONE;
  return brHandleFrameFinish(br, p, skb);
}

/**
 * 01:80:c2:00:00:0x: never leaves the segment, unless group_fwd_mask says so (802.1D 7.12.6). BPDUs are the spanning
 * tree's; the others go up by the port, where LLDP and the like listen. UP: to be treated like any other frame.
 */
function linkLocal(br: Bridge, p: BrPort, skb: SkBuff, last: u32): u32 {
  const forward = ((<u32>p.groupFwdMask | brAttr(br, BrAttr.GROUP_FWD_MASK)) & (1 << last)) !== 0;
  if (last === 0) {
    if (forward || br.stp === 0) return UP;
    learnOnly(br, p, skb);
    brStpRcv(br, p, skb);
    return GONE;
  }
  // 802.3 annex 31: MAC control frames (PAUSE) are never forwarded.
  if (last === 1) return drop(skb, SkbDropReason.MAC_IEEE_MAC_CONTROL);
  if (forward) return UP;
  const net = changetype<NetDevice>(br.dev).net;
  if (net.hookCount !== 0 && !nfHook(net, NFPROTO_BRIDGE, NetfilterHook.LOCAL_IN, skb, skb.dev, 0))
    return GONE;
  learnOnly(br, p, skb);
  return PASS;
}

/** Linux: __br_handle_local_finish. */
function learnOnly(br: Bridge, p: BrPort, skb: SkBuff): void {
  if ((p.flags & BR_LEARNING) === 0 || brAttr(br, BrAttr.NO_LINKLOCAL_LEARN) !== 0) return;
  if (p.state !== <u8>BrState.FORWARDING && p.state !== <u8>BrState.LEARNING) return;
  const vid = brShouldLearn(br, p, skb);
  if (vid !== VLAN_DROP) fdbUpdate(br, p, fdbKey(load<u64>(skb.macHeader, 4) >> 16, vid), fdbTick());
}

/** Behind PRE_ROUTING. Linux: br_handle_frame_finish. */
function brHandleFrameFinish(br: Bridge, p: BrPort, skb: SkBuff): u32 {
  let learns = p.state === <u8>BrState.LEARNING;
  let vid: u32 = 0;
  if (br.vlanFiltering !== 0) {
    vid = brAllowedIngress(br, p.vlans, skb);
    if (vid === VLAN_DROP) return drop(skb, SkbDropReason.VLAN_FILTER);
    if (vlanState(p.vlans, vid) === <u32>BrState.LEARNING) learns = true;
  }
  const eth = skb.macHeader;
  const dest = load<u64>(eth) & MAC_MASK;
  const source = fdbKey(load<u64>(eth, 4) >> 16, vid);
  if ((p.flags & BR_PORT_LOCKED) !== 0) {
    // 802.1X: only who was let in by an entry may speak.
    const known = fdbFind(br, source);
    if (known === null || known.dst !== changetype<usize>(p) || (known.flags & FDB_LOCAL) !== 0)
      return drop(skb, SkbDropReason.BRIDGE_LOCKED);
  }
  if ((p.flags & BR_LEARNING) !== 0) {
    if (root().trace !== 0) traceLearning(br, p, skb, source);
    fdbUpdate(br, p, source, fdbTick());
  }
  if (br.arpProxy !== 0 && p.state === <u8>BrState.FORWARDING) brDoProxySuppress(br, p, skb, vid);
  let how: u32 = (changetype<NetDevice>(br.dev).flags & IFF_PROMISC) !== 0 ? BR_LOCAL_RCV : 0;
  if ((dest & GROUP_BIT) === 0) {
    if (learns) return drop(skb, SkbDropReason.BRIDGE_INGRESS_STP_STATE);
    const found = fdbFind(br, fdbKey(dest, vid));
    if (root().trace !== 0) brTraceFound(found, skb, vid);
    if (found !== null) {
      if ((found.flags & FDB_LOCAL) !== 0) return brPassFrameUp(br, skb);
      found.used = fdbTick();
      brForward(br, found.dst, p, skb, how);
    } else {
      brFlood(br, p, skb, BR_FLOOD, how);
    }
    return how === 0 ? GONE : brPassFrameUp(br, skb);
  }
  if (dest === MAC_MASK) {
    if (learns) return drop(skb, SkbDropReason.BRIDGE_INGRESS_STP_STATE);
    if (root().trace !== 0) brTraceDest(TraceBridge.BROADCAST, skb, 0, vid, 0);
    brFlood(br, p, skb, BR_BCAST_FLOOD, BR_LOCAL_RCV);
    return brPassFrameUp(br, skb);
  }
  const snooped = multicastRcv(br, p, skb, vid);
  if (snooped === MCAST_DROP) return drop(skb, SkbDropReason.IP_INHDR);
  if (learns) return drop(skb, SkbDropReason.BRIDGE_INGRESS_STP_STATE);
  const mdst = mdbFind(br, skb, vid);
  if ((mdst !== 0 || snooped !== MCAST_FLOOD) && multicastQuerierExists(br, skb, mdst)) {
    if (root().trace !== 0) brTraceDest(TraceBridge.GROUP, skb, 0, vid, <u32>(mdst !== 0));
    if (mdbHostJoined(br, mdst)) how |= BR_LOCAL_RCV;
    brMulticastFlood(br, mdst, p, skb, how);
  } else {
    how |= BR_LOCAL_RCV;
    if (root().trace !== 0) brTraceDest(TraceBridge.MULTICAST, skb, 0, vid, 0);
    brFlood(br, p, skb, BR_MCAST_FLOOD, how);
  }
  if ((how & BR_LOCAL_RCV) === 0) return GONE;
  changetype<NetDevice>(br.dev).multicast++;
  return brPassFrameUp(br, skb);
}

/** What fdbUpdate is about to do. */
function traceLearning(br: Bridge, p: BrPort, skb: SkBuff, key: u64): void {
  const vid = <u32>(key >> 48);
  const found = fdbFind(br, key);
  if (found === null) {
    const step = fdbLearnedFull(br) ? TraceBridge.FULL : TraceBridge.LEARNED;
    if (br.learns !== 0) brTraceSource(step, skb, changetype<usize>(p), vid, 0);
    return;
  }
  if (found.dst === 0 || found.dst === changetype<usize>(p)) return;
  if ((found.flags & (FDB_LOCAL | FDB_STICKY)) !== 0) return;
  const old = changetype<NetDevice>(changetype<BrPort>(found.dst).dev);
  brTraceSource(TraceBridge.MOVED, skb, changetype<usize>(p), vid, old.handle);
}

/** The frame becomes the bridge device's. Linux: br_pass_frame_up. */
function brPassFrameUp(br: Bridge, skb: SkBuff): u32 {
  const dev = changetype<NetDevice>(br.dev);
  dev.rxPackets++;
  dev.rxBytes += skb.len;
  if (br.vlanFiltering !== 0) {
    if ((dev.flags & IFF_PROMISC) === 0 && !brAllowedEgress(br.vlans, skb))
      return drop(skb, SkbDropReason.VLAN_FILTER);
    brHandleVlan(br, br.vlans, skb);
  }
  const indev = skb.dev;
  skb.dev = changetype<usize>(dev);
  skb.iif = dev.ifindex;
  if (root().trace !== 0) brTraceDest(TraceBridge.UP, skb, 0, 0, 0);
  if (dev.net.hookCount !== 0 && !nfHook(dev.net, NFPROTO_BRIDGE, NetfilterHook.LOCAL_IN, skb, indev, 0))
    return GONE;
  return UP;
}

function drop(skb: SkBuff, reason: SkbDropReason): u32 {
  kfreeSkbReason(skb, reason);
  return GONE;
}

/** Behind a hook of PRE_ROUTING that had queued the frame. */
export function brPreRoutingResume(skb: SkBuff): void {
  const dev = changetype<NetDevice>(skb.dev);
  if (dev.rxHandler !== <u32>Op.RX_HANDLER_BRIDGE) {
    kfreeSkbReason(skb, SkbDropReason.DEV_READY);
    return;
  }
  const p = changetype<BrPort>(dev.rxHandlerData);
  const br = changetype<Bridge>(p.br);
  if (brHandleFrameFinish(br, p, skb) === UP) brNetifReceive(skb);
}

/** One frame up by the device that it has; behind a hook of LOCAL_IN that had queued it. */
export function brNetifReceive(skb: SkBuff): void {
  const list = scratchList(SCRATCH_PROTO);
  store<u32>(list, changetype<usize>(skb));
  netifReceiveSkbList(changetype<NetDevice>(skb.dev), list, 1);
}
