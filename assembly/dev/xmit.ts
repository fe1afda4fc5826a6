/**
 * dev_queue_xmit: egress hook, qdisc (bypassed when empty, TCQ_F_CAN_BYPASS), what the device cannot do by itself
 * (segmentation, checksums, gathering), the device's own function. Linux: net/core/dev.c, net/sched/sch_generic.c.
 */
import { TraceKind } from '../abi/trace';
import { traceEvent, traceFrame } from '../skb/trace';
import { SkbDropReason } from '../abi/drop_reason';
import { NetifF } from '../abi/features';
import { Op } from '../abi/ops';
import { opIndex } from '../lib/ops';
import { root } from '../lib/root';
import { NetfilterHook } from '../net/hooks';
import { kfreeSkbReason } from '../skb/free';
import { CHECKSUM_PARTIAL, SKB_GSO_TCPV4, SKB_GSO_TCPV6, SKB_GSO_UDP_L4, SkBuff } from '../skb/sk_buff';
import { skbLinearize } from '../skb/skbuff';
import { skbChecksumHelp } from './checksum_help';
import { gsoSegment } from './gso';
import { IFF_UP, NetDevice, netifRunning } from './net_device';
import { nfHookDevice } from './nf_hook';
import { NETDEV_TX_BUSY, NETDEV_TX_OK, portXmit } from './port';
import { Qdisc, qdiscDequeue, qdiscEmpty, qdiscEnqueue, qdiscRequeue } from './qdisc';
import { skbTagged, vlanPushInside } from './vlan_core';
import { skbVlanTaggedMulti } from './vlan_depth';

/** Packets that one run of a qdisc sends at most (Linux: dev_weight); the rest waits for the next poll. */
const QDISC_RUN_MAX: u32 = 256;

/** Sends a packet whose link-layer header is in place by skb.dev. Owns the skb. */
export function devQueueXmit(skb: SkBuff): void {
  if (root().trace !== 0) traceFrame(TraceKind.XMIT, skb, 0, 0);
  const dev = changetype<NetDevice>(skb.dev);
  if ((dev.flags & IFF_UP) === 0) {
    dev.txDropped++;
    kfreeSkbReason(skb, SkbDropReason.DEV_READY);
    return;
  }
  if (dev.egressHooks !== 0 && !nfHookDevice(dev.egressHooks, NetfilterHook.NETDEV_EGRESS, skb, dev.net))
    return;
  devQueueXmitResume(skb);
}

/** Behind the egress hooks; also for what a hook had queued there. */
export function devQueueXmitResume(skb: SkBuff): void {
  const dev = changetype<NetDevice>(skb.dev);
  if (dev.qdisc === 0) {
    const rest = devHardStartXmit(skb, dev);
    if (rest !== null) dropList(rest, dev, SkbDropReason.FULL_RING);
    return;
  }
  const q = changetype<Qdisc>(dev.qdisc);
  if (qdiscEmpty(q)) {
    q.packets++;
    q.bytes += skb.len;
    const rest = devHardStartXmit(skb, dev);
    if (rest !== null) qdiscRequeue(q, rest);
    return;
  }
  if (root().trace !== 0) traceEvent(TraceKind.QDISC, 0, changetype<usize>(skb), skb.dev, 0, 0);
  if (qdiscEnqueue(q, skb) !== 0) {
    q.drops++;
    dev.txDropped++;
    kfreeSkbReason(skb, SkbDropReason.QDISC_DROP);
    return;
  }
  netifSchedule(dev);
}

/** Gives the packet, segmented and summed as the device needs it, to the device; what it refused comes back as a list. */
function devHardStartXmit(skb: SkBuff, dev: NetDevice): SkBuff | null {
  if (!netifRunning(dev)) {
    dev.txDropped++;
    kfreeSkbReason(skb, SkbDropReason.DEV_READY);
    return null;
  }
  if ((<u32>skb.gsoSize | <u32>skb.vlanProto | skb.frags) === 0 && skb.ipSummed !== CHECKSUM_PARTIAL) {
    return startXmit(skb, dev) === NETDEV_TX_OK ? null : skb;
  }
  let list: SkBuff | null = validateXmitSkb(skb, dev);
  while (list !== null) {
    const next = changetype<SkBuff | null>(list.next);
    list.next = 0;
    if (startXmit(list, dev) === NETDEV_TX_BUSY) {
      list.next = changetype<usize>(next);
      return list;
    }
    list = next;
  }
  return null;
}

function startXmit(skb: SkBuff, dev: NetDevice): i32 {
  if (dev.xmitOp === Op.XMIT_PORT) return portXmit(skb, dev);
  return call_indirect<i32>(opIndex(dev.xmitOp), changetype<usize>(skb), changetype<usize>(dev));
}

/** Linux: validate_xmit_skb. The list to send instead of `skb`; null when it had to be dropped (counted). */
function validateXmitSkb(skb: SkBuff, dev: NetDevice): SkBuff | null {
  if (skb.vlanProto !== 0 && (dev.features & NetifF.HW_VLAN_TX) === 0 && !vlanPushInside(skb)) {
    dev.txDropped++;
    kfreeSkbReason(skb, SkbDropReason.NOMEM);
    return null;
  }
  if (skb.gsoSize !== 0 && !deviceSegments(skb, dev)) {
    if (root().trace !== 0)
      traceEvent(TraceKind.GSO, 0, changetype<usize>(skb), skb.dev, skb.gsoSize, skb.gsoSegs);
    const segments = gsoSegment(skb, dev.features);
    if (segments === null) dev.txDropped++;
    return segments;
  }
  if (skb.frags !== 0 && (dev.features & NetifF.SG) === 0 && !skbLinearize(skb)) {
    dev.txDropped++;
    kfreeSkbReason(skb, SkbDropReason.NOMEM);
    return null;
  }
  if (skb.ipSummed === CHECKSUM_PARTIAL && (dev.features & NetifF.HW_CSUM) === 0 && !skbChecksumHelp(skb)) {
    dev.txDropped++;
    kfreeSkbReason(skb, SkbDropReason.SKB_CSUM);
    return null;
  }
  return skb;
}

function deviceSegments(skb: SkBuff, dev: NetDevice): bool {
  if (skb.len > dev.gsoMaxSize + 64 || (dev.features & NetifF.HW_CSUM) === 0) return false;
  // Linux: vlan_features_check.
  if (skbTagged(skb) && skbVlanTaggedMulti(skb)) return false;
  if ((skb.gsoType & SKB_GSO_TCPV4) !== 0) return (dev.features & NetifF.TSO) !== 0;
  if ((skb.gsoType & SKB_GSO_TCPV6) !== 0) return (dev.features & NetifF.TSO6) !== 0;
  if ((skb.gsoType & SKB_GSO_UDP_L4) !== 0) return (dev.features & NetifF.GSO_UDP_L4) !== 0;
  return false;
}

function dropList(skb: SkBuff, dev: NetDevice, reason: SkbDropReason): void {
  let at: SkBuff | null = skb;
  while (at !== null) {
    const next = changetype<SkBuff | null>(at.next);
    dev.txDropped++;
    kfreeSkbReason(at, reason);
    at = next;
  }
}

/** The device's qdisc has work: it is run at the end of the poll. */
export function netifSchedule(dev: NetDevice): void {
  if (dev.txScheduled !== 0) return;
  dev.txScheduled = 1;
  const r = root();
  dev.txNext = r.txHead;
  r.txHead = changetype<usize>(dev);
}

/** The device has room again. */
export function netifWakeQueue(dev: NetDevice): void {
  if (dev.qdisc !== 0 && !qdiscEmpty(changetype<Qdisc>(dev.qdisc))) netifSchedule(dev);
}

/** Forgets a device that is going away. */
export function netifUnschedule(dev: NetDevice): void {
  if (dev.txScheduled === 0) return;
  dev.txScheduled = 0;
  const r = root();
  const p = changetype<usize>(dev);
  if (r.txHead === p) {
    r.txHead = dev.txNext;
    return;
  }
  let at = r.txHead;
  while (changetype<NetDevice>(at).txNext !== p) at = changetype<NetDevice>(at).txNext;
  changetype<NetDevice>(at).txNext = dev.txNext;
}

/** Linux: net_tx_action. Runs every scheduled qdisc until it is empty or its device is full. */
export function netTxAction(): void {
  const r = root();
  let at = r.txHead;
  r.txHead = 0;
  while (at !== 0) {
    const dev = changetype<NetDevice>(at);
    at = dev.txNext;
    dev.txScheduled = 0;
    if (dev.qdisc !== 0) qdiscRun(changetype<Qdisc>(dev.qdisc), dev);
  }
}

function qdiscRun(q: Qdisc, dev: NetDevice): void {
  for (let i: u32 = 0; i < QDISC_RUN_MAX; i++) {
    const skb = qdiscDequeue(q);
    if (skb === null) return;
    q.packets++;
    q.bytes += skb.len;
    const rest = devHardStartXmit(skb, dev);
    if (rest !== null) {
      qdiscRequeue(q, rest);
      return;
    }
  }
  netifSchedule(dev);
}
