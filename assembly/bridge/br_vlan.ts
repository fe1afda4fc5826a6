/**
 * VLAN filtering: which VLANs a port, and the bridge itself, are members of; which of them leave untagged; which one an
 * untagged frame is of. Linux: net/bridge/br_vlan.c. IEEE 802.1Q-2018 8.6 (ingress), 8.8 (egress).
 *
 *   VlanGroup { pvid, count } ─bits─► [ member: 4096 bits ][ untagged: 4096 bits ]
 *
 * A frame in here carries its VLAN in skb.vlanTci with vlanProto the bridge's protocol: the tag was taken off where it
 * was received, and is put on again where it is sent.
 */
import { BR_VLAN_PVID, BR_VLAN_UNTAGGED, BrAttr, BrState } from '../abi/bridge';
import { NetDevice } from '../dev/net_device';
import { vlanPushInside } from '../dev/vlan_core';
import { kfree, kzalloc } from '../lib/kmalloc';
import { Errno } from '../net/errno';
import { SkBuff } from '../skb/sk_buff';
import { VLAN_N_VID, VLAN_VID_MASK } from '../wire/vlan';
import { fdbAddLocal, fdbDelLocal, fdbDeleteVlan } from './br_fdb';
import { BrPort, Bridge, brAttr } from './br_private';
import {
  VlanGroup,
  vlanCountRx,
  vlanCountTx,
  vlanEntriesFree,
  vlanEntryFree,
  vlanSetState,
  vlanState,
} from './br_vlan_entry';

const BITMAP_BYTES: usize = 512;
/** brAllowedIngress: the frame may not come in. */
export const VLAN_DROP: u32 = 0xffff;

/** An empty group, or 0. */
export function vlanGroupAlloc(): usize {
  const p = kzalloc(offsetof<VlanGroup>());
  if (p === 0) return 0;
  const bits = kzalloc(BITMAP_BYTES << 1);
  if (bits === 0) {
    kfree(p);
    return 0;
  }
  changetype<VlanGroup>(p).bits = bits;
  return p;
}

export function vlanGroupFree(p: usize): void {
  if (p === 0) return;
  kfree(changetype<VlanGroup>(p).bits);
  vlanEntriesFree(changetype<VlanGroup>(p));
  kfree(p);
}

export function vlanMember(group: usize, vid: u32): bool {
  return (load<u8>(changetype<VlanGroup>(group).bits + (vid >> 3)) & (1 << (vid & 7))) !== 0;
}

export function vlanUntagged(group: usize, vid: u32): bool {
  return (load<u8>(changetype<VlanGroup>(group).bits + (vid >> 3), BITMAP_BYTES) & (1 << (vid & 7))) !== 0;
}

function setBit(at: usize, vid: u32, on: bool): void {
  const byte = at + (vid >> 3);
  const bit: u32 = 1 << (vid & 7);
  const old = <u32>load<u8>(byte);
  store<u8>(byte, <u8>(on ? old | bit : old & ~bit));
}

/** The group of a port, or (null) of the bridge itself. */
export function vlanGroupOf(br: Bridge, p: BrPort | null): usize {
  return p === null ? br.vlans : p.vlans;
}

/** Adds or changes a VLAN. Linux: br_vlan_add, nbp_vlan_add. */
export function brVlanAdd(br: Bridge, p: BrPort | null, vid: u32, flags: u32): i32 {
  if (vid === 0 || vid >= VLAN_N_VID - 1) return -Errno.EINVAL;
  const at = vlanGroupOf(br, p);
  const group = changetype<VlanGroup>(at);
  const known = vlanMember(at, vid);
  setBit(group.bits, vid, true);
  setBit(group.bits + BITMAP_BYTES, vid, (flags & BR_VLAN_UNTAGGED) !== 0);
  if ((flags & BR_VLAN_PVID) !== 0) group.pvid = <u16>vid;
  else if (<u32>group.pvid === vid) group.pvid = 0;
  if (known) return 0;
  group.count++;
  const dev = changetype<NetDevice>(p === null ? br.dev : p.dev);
  fdbAddLocal(br, p, dev.addr, vid);
  return 0;
}

export function brVlanDelete(br: Bridge, p: BrPort | null, vid: u32): i32 {
  if (vid === 0 || vid >= VLAN_N_VID - 1) return -Errno.EINVAL;
  const at = vlanGroupOf(br, p);
  if (!vlanMember(at, vid)) return -Errno.ENOENT;
  const group = changetype<VlanGroup>(at);
  setBit(group.bits, vid, false);
  setBit(group.bits + BITMAP_BYTES, vid, false);
  group.count--;
  vlanEntryFree(at, vid);
  if (<u32>group.pvid === vid) group.pvid = 0;
  fdbDelLocal(br, p, changetype<NetDevice>(p === null ? br.dev : p.dev).addr, vid);
  fdbDeleteVlan(br, p, vid);
  return 0;
}

/** A new port, or a new bridge, begins in the default VLAN, untagged. Linux: nbp_vlan_init, br_vlan_init. */
export function brVlanInit(br: Bridge, p: BrPort | null): void {
  const pvid = brAttr(br, BrAttr.VLAN_DEFAULT_PVID);
  if (pvid !== 0) brVlanAdd(br, p, pvid, BR_VLAN_PVID | BR_VLAN_UNTAGGED);
}

/** Every group that has the old default as its PVID gets the new one. Linux: __br_vlan_set_default_pvid. */
export function brVlanSetDefaultPvid(br: Bridge, from: u32, to: u32): void {
  moveDefault(br, null, from, to);
  for (let at = br.ports; at !== 0; at = changetype<BrPort>(at).next)
    moveDefault(br, changetype<BrPort>(at), from, to);
}

function moveDefault(br: Bridge, p: BrPort | null, from: u32, to: u32): void {
  const at = vlanGroupOf(br, p);
  const group = changetype<VlanGroup>(at);
  // A user who changed it keeps what he chose.
  if (from !== 0 && (<u32>group.pvid !== from || !vlanUntagged(at, from))) return;
  if (from === 0 && group.pvid !== 0) return;
  if (to !== 0 && vlanMember(at, to)) return;
  if (to !== 0) brVlanAdd(br, p, to, BR_VLAN_PVID | BR_VLAN_UNTAGGED);
  if (from !== 0) brVlanDelete(br, p, from);
}

/** How many VLANs have to agree with the MAC of a port when that changes. */
export function brVlanChangeAddr(br: Bridge, p: BrPort | null, from: u64, to: u64): void {
  const at = vlanGroupOf(br, p);
  if (changetype<VlanGroup>(at).count === 0) return;
  for (let vid: u32 = 1; vid < VLAN_N_VID - 1; vid++) {
    if (!vlanMember(at, vid)) continue;
    fdbDelLocal(br, p, from, vid);
    fdbAddLocal(br, p, to, vid);
  }
}

/**
 * The VLAN of a frame that came in where `group` is; VLAN_DROP when it may not. Only with VLAN filtering.
 * Linux: __allowed_ingress.
 */
export function brAllowedIngress(br: Bridge, group: usize, skb: SkBuff): u32 {
  let vid: u32 = 0;
  let tagged = false;
  if (skb.vlanProto !== 0) {
    if (skb.vlanProto === br.vlanProto) {
      tagged = true;
      vid = <u32>skb.vlanTci & VLAN_VID_MASK;
    } else if (!pushForeignTag(skb)) {
      // A tag of another protocol is payload to this bridge (802.1Q 6.9): the frame is untagged.
      return VLAN_DROP;
    }
  }
  if (vid === 0) {
    // 802.1Q 6.9.1: untagged and priority-tagged frames are of the port's PVID.
    vid = changetype<VlanGroup>(group).pvid;
    if (vid === 0) return VLAN_DROP;
    skb.vlanTci = <u16>((tagged ? <u32>skb.vlanTci & ~VLAN_VID_MASK : 0) | vid);
    skb.vlanProto = br.vlanProto;
  }
  if (vid >= VLAN_N_VID - 1 || !vlanMember(group, vid)) return VLAN_DROP;
  if (!vlanLearns(group, vid)) return VLAN_DROP;
  vlanCountRx(br, group, vid, skb);
  return vid;
}

/** Puts the tag back into the frame, data at the network header before and behind. */
function pushForeignTag(skb: SkBuff): bool {
  skb.len += skb.data - skb.macHeader;
  skb.data = skb.macHeader;
  const done = vlanPushInside(skb);
  skb.macHeader = skb.data;
  skb.data += 14;
  skb.len -= 14;
  skb.networkHeader = skb.data;
  return done;
}

/** Whether a frame of the VLAN that it carries may leave where `group` is. Linux: br_allowed_egress. */
export function brAllowedEgress(group: usize, skb: SkBuff): bool {
  const vid = <u32>skb.vlanTci & VLAN_VID_MASK;
  return vid !== 0 && vlanMember(group, vid) && vlanState(group, vid) === <u32>BrState.FORWARDING;
}

/** Counts the frame, and takes the tag off where the VLAN leaves untagged. Linux: br_handle_vlan. */
export function brHandleVlan(br: Bridge, group: usize, skb: SkBuff): void {
  if (skb.vlanProto === 0) return;
  vlanCountTx(br, group, <u32>skb.vlanTci & VLAN_VID_MASK, skb);
  if (!vlanUntagged(group, <u32>skb.vlanTci & VLAN_VID_MASK)) return;
  skb.vlanProto = 0;
  skb.vlanTci = 0;
}

/** The VLAN to learn a frame's source in that is not forwarded (link-local); VLAN_DROP: not to be learned. */
export function brShouldLearn(br: Bridge, p: BrPort, skb: SkBuff): u32 {
  if (br.vlanFiltering === 0) return 0;
  let vid: u32 = skb.vlanProto === br.vlanProto ? <u32>skb.vlanTci & VLAN_VID_MASK : 0;
  if (vid === 0) vid = changetype<VlanGroup>(p.vlans).pvid;
  return vid !== 0 && vid < VLAN_N_VID - 1 && vlanMember(p.vlans, vid) && vlanLearns(p.vlans, vid)
    ? vid
    : VLAN_DROP;
}

function vlanLearns(group: usize, vid: u32): bool {
  const state = vlanState(group, vid);
  return state === <u32>BrState.FORWARDING || state === <u32>BrState.LEARNING;
}

/** The state of one VLAN of a port. Linux: br_vlan_modify_state. */
export function brVlanSetState(br: Bridge, p: BrPort | null, vid: u32, state: u32): i32 {
  if (p === null || state > <u32>BrState.BLOCKING) return -Errno.EINVAL;
  if (br.stp !== 0) return -Errno.EBUSY;
  if (!vlanMember(p.vlans, vid)) return -Errno.ENOENT;
  return vlanSetState(p.vlans, vid, state) ? 0 : -Errno.ENOMEM;
}

/** Some port has VLANs: what counts where may not change. */
export function brPortsHaveVlans(br: Bridge): bool {
  for (let at = br.ports; at !== 0; at = changetype<BrPort>(at).next)
    if (changetype<VlanGroup>(changetype<BrPort>(at).vlans).count !== 0) return true;
  return false;
}
