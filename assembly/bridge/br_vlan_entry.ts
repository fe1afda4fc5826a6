/**
 * What a VLAN has of its own where it is a member: counters (vlan_stats_enabled) and a state of the spanning tree
 * (`bridge vlan set ... state`). Linux: struct net_bridge_vlan, br_vlan_modify_state (net/bridge/br_vlan_options.c).
 *
 *   VlanGroup.entries ─► u32[4096] ─vid─► VlanEntry          both are made when they are first needed
 *
 * Without vlan_stats_per_port all ports count in the entries of the bridge itself.
 */
import { BrState } from '../abi/bridge';
import { kfree, kzalloc } from '../lib/kmalloc';
import { SkBuff } from '../skb/sk_buff';
import { VLAN_N_VID } from '../wire/vlan';
import { Bridge } from './br_private';

@unmanaged
@final
export class VlanGroup {
  pvid: u16;
  count: u16;
  bits: usize;
  entries: usize;
  /** Some VLAN here is not forwarding. */
  states: u32;
}

@unmanaged
@final
export class VlanEntry {
  rxBytes: u64;
  rxPackets: u64;
  txBytes: u64;
  txPackets: u64;
  state: u32;
}
const TABLE_BYTES: usize = (<usize>VLAN_N_VID) << 2;
/** Bridge.vlanStats */
const STATS_SHARED: u8 = 1;
const STATS_PER_PORT: u8 = 2;

/** The entry, or 0. */
export function vlanEntry(group: usize, vid: u32): usize {
  const table = changetype<VlanGroup>(group).entries;
  return table === 0 ? 0 : load<u32>(table + (vid << 2));
}

/** The entry, made when there is none; 0 without memory. */
function vlanEntryGet(at: usize, vid: u32): usize {
  const group = changetype<VlanGroup>(at);
  if (group.entries === 0) group.entries = kzalloc(TABLE_BYTES);
  if (group.entries === 0) return 0;
  const slot = group.entries + (vid << 2);
  if (load<u32>(slot) === 0) {
    const made = kzalloc(offsetof<VlanEntry>());
    if (made === 0) return 0;
    changetype<VlanEntry>(made).state = BrState.FORWARDING;
    store<u32>(slot, made);
  }
  return load<u32>(slot);
}

/** The VLAN goes. */
export function vlanEntryFree(at: usize, vid: u32): void {
  const entry = vlanEntry(at, vid);
  if (entry === 0) return;
  const group = changetype<VlanGroup>(at);
  store<u32>(group.entries + (vid << 2), 0);
  kfree(entry);
  group.states = <u32>anyNotForwarding(group);
}

export function vlanEntriesFree(group: VlanGroup): void {
  if (group.entries === 0) return;
  for (let vid: u32 = 0; vid < VLAN_N_VID; vid++) {
    const entry = load<u32>(group.entries + (vid << 2));
    if (entry !== 0) kfree(entry);
  }
  kfree(group.entries);
}

function anyNotForwarding(group: VlanGroup): bool {
  for (let vid: u32 = 0; vid < VLAN_N_VID; vid++) {
    const entry = load<u32>(group.entries + (vid << 2));
    if (entry !== 0 && changetype<VlanEntry>(entry).state !== <u32>BrState.FORWARDING) return true;
  }
  return false;
}

export function vlanState(group: usize, vid: u32): u32 {
  if (changetype<VlanGroup>(group).states === 0) return BrState.FORWARDING;
  const entry = vlanEntry(group, vid);
  return entry === 0 ? <u32>BrState.FORWARDING : changetype<VlanEntry>(entry).state;
}

/** False without memory. */
export function vlanSetState(at: usize, vid: u32, state: u32): bool {
  if (vlanState(at, vid) === state) return true;
  const entry = vlanEntryGet(at, vid);
  if (entry === 0) return false;
  changetype<VlanEntry>(entry).state = state;
  changetype<VlanGroup>(at).states = <u32>anyNotForwarding(changetype<VlanGroup>(at));
  return true;
}

/** The switches changed. */
export function vlanStatsMode(br: Bridge, enabled: u32, perPort: u32): void {
  br.vlanStats = enabled === 0 ? 0 : perPort === 0 ? STATS_SHARED : STATS_PER_PORT;
}

/** Where a group's counters are. */
export function vlanStatsEntry(br: Bridge, group: usize, vid: u32, perPort: u32): usize {
  return vlanEntry(perPort === 0 ? br.vlans : group, vid);
}

/** A frame of the VLAN came in where `group` is; data at the network header, as Linux counts. */
export function vlanCountRx(br: Bridge, group: usize, vid: u32, skb: SkBuff): void {
  if (br.vlanStats === 0) return;
  const at = vlanEntryGet(br.vlanStats === STATS_PER_PORT ? group : br.vlans, vid);
  if (at === 0) return;
  changetype<VlanEntry>(at).rxBytes += skb.len;
  changetype<VlanEntry>(at).rxPackets++;
}

export function vlanCountTx(br: Bridge, group: usize, vid: u32, skb: SkBuff): void {
  if (br.vlanStats === 0) return;
  const at = vlanEntryGet(br.vlanStats === STATS_PER_PORT ? group : br.vlans, vid);
  if (at === 0) return;
  changetype<VlanEntry>(at).txBytes += skb.len;
  changetype<VlanEntry>(at).txPackets++;
}
