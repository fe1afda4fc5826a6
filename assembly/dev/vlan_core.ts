/**
 * VLAN tags on their way through the core (IEEE 802.1Q clause 9). On a wire a tag is in the frame; inside it is in
 * skb.vlanProto and vlanTci, so that every layer sees the packet as if there was none.
 * Linux: net/8021q/vlan_core.c, include/linux/if_vlan.h.
 *
 *   frame ─► skbVlanUntag ─► vlanDoReceive ─► the VLAN device's stack      vlanXmit ─► vlanProto, vlanTci
 *                                └─ no such device: for another host           lower device ─► vlanPushInside ─► frame
 *
 *   dev.vlans ─► VlanInfo { [802.1Q: 8 parts][802.1ad: 8 parts] } ─► part { NetDevice by VLAN id } x 512
 */
import { SkbDropReason } from '../abi/drop_reason';
import { TraceKind } from '../abi/trace';
import { csumPartial, csumSub } from '../lib/checksum';
import { kfree, kzalloc } from '../lib/kmalloc';
import { root } from '../lib/root';
import { kfreeSkbReason } from '../skb/free';
import { CHECKSUM_COMPLETE, PACKET_HOST, PACKET_MULTICAST, PACKET_OTHERHOST, SkBuff } from '../skb/sk_buff';
import { pskbMayPull, skbCowHead } from '../skb/skbuff';
import { traceEvent } from '../skb/trace';
import {
  ETH_HLEN,
  ETH_P_8021AD,
  ETH_P_8021Q,
  ETH_P_802_2,
  ETH_P_802_3,
  ETH_P_802_3_MIN,
} from '../wire/ethernet';
import {
  VLAN_HLEN,
  VLAN_PRIO_SHIFT,
  VLAN_VID_MASK,
  emitVlan,
  vlanEncapsulatedProto,
  vlanTci,
} from '../wire/vlan';
import { IFF_UP, NetDevice } from './net_device';
import { netifReceiveSkbList } from './receive';

const MAC_MASK: u64 = 0xffffffffffff;
const PART_SHIFT: u32 = 9;
const PART_DEVS: u32 = 512;
const PARTS: u32 = 8;
const INFO_BYTES: u32 = 2 * PARTS * 4 + 4;
/** How many VLAN devices there are, behind the parts. */
const INFO_COUNT: usize = 2 * PARTS * 4;

/** VLAN_FLAG_* (Linux: include/uapi/linux/if_vlan.h). */
export const VLAN_FLAG_REORDER_HDR: u32 = 1;
export const VLAN_FLAG_GVRP: u32 = 2;
export const VLAN_FLAG_LOOSE_BINDING: u32 = 4;
export const VLAN_FLAG_MVRP: u32 = 8;
export const VLAN_FLAG_BRIDGE_BINDING: u32 = 16;

/** Pairs of a VLAN device's egress map at most. */
export const VLAN_EGRESS_MAX: u32 = 16;

/** What a VLAN device keeps at dev.priv. Linux: vlan_dev_priv. */
@unmanaged
@final
export class VlanDev {
  vlanId: u16;
  vlanProto: u16;
  flags: u32;
  nrEgress: u32;
  // u32 ingress[8]: skb.priority by PCP; then { u32 priority, u32 PCP << 13 } egress[VLAN_EGRESS_MAX]
}
export const VLAN_DEV_BYTES: u32 = 12 + 32 + VLAN_EGRESS_MAX * 8;
const INGRESS_OFFSET: usize = 12;
const EGRESS_OFFSET: usize = 44;

export function vlanDev(dev: NetDevice): VlanDev {
  return changetype<VlanDev>(dev.priv);
}

/** Address of the skb.priority that frames with PCP `pcp` get. */
export function vlanIngressSlot(vlan: VlanDev, pcp: u32): usize {
  return changetype<usize>(vlan) + INGRESS_OFFSET + (pcp << 2);
}

/** Address of pair `i` of the egress map. */
export function vlanEgressSlot(vlan: VlanDev, i: u32): usize {
  return changetype<usize>(vlan) + EGRESS_OFFSET + (i << 3);
}

/** Linux: vlan_dev_get_egress_qos_mask. The PCP of a packet of this priority, in its place of the TCI. */
export function vlanEgressMask(vlan: VlanDev, priority: u32): u32 {
  for (let i: u32 = 0; i < vlan.nrEgress; i++) {
    const pair = vlanEgressSlot(vlan, i);
    if (load<u32>(pair) === priority) return load<u32>(pair, 4);
  }
  return 0;
}

/** The frame's ethertype is that of a tag. */
export function skbTagged(skb: SkBuff): bool {
  return <u32>skb.protocol === ETH_P_8021Q || <u32>skb.protocol === ETH_P_8021AD;
}

/**
 * Takes the outermost tag of a frame (data behind its Ethernet header) into the skb. False: the frame ended within it
 * and is freed. Linux: skb_vlan_untag.
 */
export function skbVlanUntag(skb: SkBuff): bool {
  const dev = changetype<NetDevice>(skb.dev);
  if (!pskbMayPull(skb, VLAN_HLEN)) {
    dev.rxDropped++;
    kfreeSkbReason(skb, SkbDropReason.HDR_TRUNC);
    return false;
  }
  if (!skbCowHead(skb, 0)) {
    dev.rxDropped++;
    kfreeSkbReason(skb, SkbDropReason.NOMEM);
    return false;
  }
  const tag = skb.data;
  skb.vlanProto = skb.protocol;
  skb.vlanTci = <u16>vlanTci(tag);
  if (skb.ipSummed === CHECKSUM_COMPLETE) skb.csum = csumSub(skb.csum, csumPartial(tag, VLAN_HLEN, 0));
  skb.protocol = encapProto(tag, skb.len);
  skb.data = tag + VLAN_HLEN;
  skb.len -= VLAN_HLEN;
  // The addresses move up to the encapsulated type; the header is an Ethernet header again.
  const mac = skb.macHeader;
  memory.copy(mac + VLAN_HLEN, mac, ETH_HLEN - 2);
  skb.macHeader = mac + VLAN_HLEN;
  skb.networkHeader = skb.data;
  if (root().trace !== 0)
    traceEvent(TraceKind.VLAN_UNTAG, 0, changetype<usize>(skb), skb.dev, skb.vlanProto, skb.vlanTci);
  return true;
}

/** Linux: vlan_set_encap_proto. What follows the tag: an ethertype, or the length of an 802.3 frame. */
function encapProto(tag: usize, len: u32): u16 {
  const proto = vlanEncapsulatedProto(tag);
  if (proto >= ETH_P_802_3_MIN) return <u16>proto;
  const raw = len >= VLAN_HLEN + 2 && load<u16>(tag, VLAN_HLEN) === 0xffff;
  return <u16>(raw ? ETH_P_802_3 : ETH_P_802_2);
}

/** Forgets the tag. */
export function vlanClearTag(skb: SkBuff): void {
  skb.vlanProto = 0;
  skb.vlanTci = 0;
}

/**
 * Puts the tag of the skb (data at its Ethernet header) into the frame. False, and the skb stays the caller's, when
 * memory ran out. Linux: __vlan_hwaccel_push_inside.
 */
export function vlanPushInside(skb: SkBuff): bool {
  if (!vlanInsertTag(skb, skb.vlanProto, skb.vlanTci)) return false;
  skb.protocol = skb.vlanProto;
  vlanClearTag(skb);
  return true;
}

/** Linux: vlan_insert_tag. The MAC addresses move down, the tag stands behind them. */
export function vlanInsertTag(skb: SkBuff, proto: u32, tci: u32): bool {
  if (!skbCowHead(skb, VLAN_HLEN)) return false;
  const eth = skb.data - VLAN_HLEN;
  memory.copy(eth, skb.data, ETH_HLEN - 2);
  store<u16>(eth, bswap<u16>(<u16>proto), ETH_HLEN - 2);
  const encapsulated = bswap<u16>(load<u16>(eth, ETH_HLEN + 2));
  emitVlan(eth + ETH_HLEN, tci, encapsulated);
  skb.data = eth;
  skb.len += VLAN_HLEN;
  skb.macHeader = eth;
  return true;
}

function slotOf(dev: NetDevice, proto: u32, id: u32): usize {
  if (dev.vlans === 0) return 0;
  const at = (proto === ETH_P_8021AD ? PARTS : 0) + (id >> PART_SHIFT);
  const part = load<u32>(dev.vlans + (at << 2));
  return part === 0 ? 0 : part + ((id & (PART_DEVS - 1)) << 2);
}

/** The VLAN device of `proto` and `id` on `dev`, or null. Linux: vlan_find_dev. */
export function vlanFindDev(dev: NetDevice, proto: u32, id: u32): NetDevice | null {
  const slot = slotOf(dev, proto, id);
  return slot === 0 ? null : changetype<NetDevice | null>(load<u32>(slot));
}

/** Registers (or, with 0, forgets) the VLAN device of `proto` and `id`; false when memory ran out. */
export function vlanGroupSet(dev: NetDevice, proto: u32, id: u32, vlan: usize): bool {
  if (dev.vlans === 0) {
    dev.vlans = kzalloc(INFO_BYTES);
    if (dev.vlans === 0) return false;
  }
  const at = (proto === ETH_P_8021AD ? PARTS : 0) + (id >> PART_SHIFT);
  const partAt = dev.vlans + (at << 2);
  if (load<u32>(partAt) === 0) {
    const part = kzalloc(PART_DEVS << 2);
    if (part !== 0) store<u32>(partAt, part);
    else if (load<u32>(dev.vlans, INFO_COUNT) === 0) freeInfo(dev);
    if (part === 0) return false;
  }
  store<u32>(load<u32>(partAt) + ((id & (PART_DEVS - 1)) << 2), vlan);
  const count = load<u32>(dev.vlans, INFO_COUNT) + (vlan !== 0 ? 1 : -1);
  store<u32>(dev.vlans, count, INFO_COUNT);
  if (count === 0) freeInfo(dev);
  return true;
}

function freeInfo(dev: NetDevice): void {
  for (let at: u32 = 0; at < 2 * PARTS; at++) kfree(load<u32>(dev.vlans + (at << 2)));
  kfree(dev.vlans);
  dev.vlans = 0;
}

/**
 * Packets of `dev` at `list` that carry a tag in the skb, all with the same protocols: each run for one VLAN device
 * goes up its stack. Those without a device stay at the front of the list, tag and all; returns how many.
 */
export function vlanDoReceive(dev: NetDevice, list: usize, n: u32): u32 {
  let kept: u32 = 0;
  let i: u32 = 0;
  while (i < n) {
    const skb = changetype<SkBuff>(load<u32>(list + (i << 2)));
    const found = vlanFindDev(dev, skb.vlanProto, <u32>skb.vlanTci & VLAN_VID_MASK);
    if (found === null) {
      store<u32>(list + (kept++ << 2), changetype<usize>(skb));
      i++;
      continue;
    }
    let end = i + 1;
    while (end < n && sameVlan(skb, changetype<SkBuff>(load<u32>(list + (end << 2))))) end++;
    receiveRun(found, list + (i << 2), end - i);
    i = end;
  }
  return kept;
}

function sameVlan(a: SkBuff, b: SkBuff): bool {
  return a.vlanProto === b.vlanProto && ((<u32>a.vlanTci ^ <u32>b.vlanTci) & VLAN_VID_MASK) === 0;
}

function receiveRun(dev: NetDevice, list: usize, n: u32): void {
  const vlan = vlanDev(dev);
  let up: u32 = 0;
  for (let i: u32 = 0; i < n; i++) {
    const skb = changetype<SkBuff>(load<u32>(list + (i << 2)));
    if ((dev.flags & IFF_UP) === 0) {
      kfreeSkbReason(skb, SkbDropReason.DEV_READY);
      continue;
    }
    skb.dev = changetype<usize>(dev);
    skb.iif = dev.ifindex;
    // The lower device took it for another's; this one may have an address of its own.
    if (skb.pktType === PACKET_OTHERHOST && (load<u64>(skb.macHeader) & MAC_MASK) === dev.addr) {
      skb.pktType = PACKET_HOST;
    }
    skb.priority = load<u32>(vlanIngressSlot(vlan, <u32>skb.vlanTci >> VLAN_PRIO_SHIFT));
    vlanClearTag(skb);
    if (root().trace !== 0)
      traceEvent(TraceKind.VLAN_RECEIVE, 0, changetype<usize>(skb), skb.dev, 0, vlan.vlanId);
    dev.rxPackets++;
    dev.rxBytes += skb.len;
    if (skb.pktType === PACKET_MULTICAST) dev.multicast++;
    store<u32>(list + (up++ << 2), changetype<usize>(skb));
  }
  if (up !== 0) netifReceiveSkbList(dev, list, up);
}

/**
 * Behind the rx_handler: no device wanted the tags of these packets. A VLAN's is somebody else's; a priority tag (id 0)
 * is no VLAN, its packet goes on. Linux: check_vlan_id in __netif_receive_skb_core.
 */
export function vlanUnknown(dev: NetDevice, list: usize, n: u32): u32 {
  let kept: u32 = 0;
  for (let i: u32 = 0; i < n; i++) {
    const skb = changetype<SkBuff>(load<u32>(list + (i << 2)));
    let gone = false;
    while (skb.vlanProto !== 0) {
      if ((<u32>skb.vlanTci & VLAN_VID_MASK) !== 0 || !skbTagged(skb)) {
        if ((<u32>skb.vlanTci & VLAN_VID_MASK) !== 0) skb.pktType = PACKET_OTHERHOST;
        vlanClearTag(skb);
        break;
      }
      // A priority tag in front of another tag: that one decides.
      gone = !skbVlanUntag(skb);
      if (gone) break;
      const slot = list + (kept << 2);
      store<u32>(slot, changetype<usize>(skb));
      gone = vlanDoReceive(dev, slot, 1) === 0;
      if (gone) break;
    }
    if (!gone) store<u32>(list + (kept++ << 2), changetype<usize>(skb));
  }
  return kept;
}
