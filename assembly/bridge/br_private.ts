/**
 * The records of a bridge and of its ports, and what everybody here asks of them. Linux: net/bridge/br_private.h.
 *
 *   NetDevice br0 ─priv─► Bridge ─ports─► BrPort ─next─► BrPort      BrPort ─dev─► NetDevice, whose rxHandlerData it is
 *                           └─fdbBuckets─► FdbEntry ─hnext─► ...     └─vlans─► VlanGroup
 *
 * A MAC is a u64 with its first byte lowest, as it loads; an identifier of the spanning tree is the u64 whose order is
 * that of 802.1D (priority, then the MAC's first byte, highest).
 */
import { BrAttr, BrState } from '../abi/bridge';

@unmanaged
@final
export class Bridge {
  dev: usize;
  /** First port, in the order of joining. */
  ports: usize;
  portCount: u32;
  // br_fdb: chained table; a random odd factor makes its hashes, of which a shift leaves as many bits as there are buckets
  fdbBuckets: usize;
  fdbMask: u32;
  fdbShift: u32;
  fdbCount: u32;
  fdbLearned: u32;
  /** Hold time in fdb ticks as it is now (ageing time, or forward delay while the topology changes). */
  holdTicks: u32;
  fdbFactor: u64;
  /** Learning is on at all: the ageing time is not 0. */
  learns: u8;
  vlanFiltering: u8;
  stp: u8;
  /** The address was given, the MTU was given: neither follows the ports. */
  addrSet: u8;
  mtuSet: u8;
  topologyChange: u8;
  topologyChangeDetected: u8;
  snooping: u8;
  vlanProto: u16;
  rootPort: u16;
  /** Spanning tree (802.1D 8.5.3); times in ms, `maxAge` and so on are those of the root. */
  bridgeId: u64;
  designatedRoot: u64;
  rootPathCost: u32;
  maxAge: u32;
  helloTime: u32;
  forwardDelay: u32;
  ageingTime: u32;
  /** br_vlan: VLANs of the bridge device itself. */
  vlans: usize;
  /** br_multicast: McastContext. */
  mcast: usize;
  /** The device is administratively up (set before IFF_UP is, cleared behind it). */
  up: u8;
  /** Some port has a hand in ARP and ND: bits of br_arp_nd_proxy. */
  arpProxy: u8;
  /** Whether VLANs count, and where (br_vlan_entry). */
  vlanStats: u8;
}

/** Behind the fields: timers of lib/timer_wheel, then the settings, u32 per BrAttr. */
export enum BrTimer {
  HELLO,
  TCN,
  TOPOLOGY_CHANGE,
  GC,
  MAX,
}
const TIMER_BYTES: usize = 24;
const BR_TIMERS: usize = 160;
const BR_ATTRS: usize = BR_TIMERS + <usize>BrTimer.MAX * TIMER_BYTES;
export const BRIDGE_BYTES: usize = BR_ATTRS + ((<usize>BrAttr.MAX) << 2);

@unmanaged
@final
export class BrPort {
  next: usize;
  br: usize;
  dev: usize;
  /** BR_* */
  flags: u32;
  /** Burst in which the device was last found fit for the short way (br_input). */
  burst: u32;
  state: u8;
  priority: u8;
  no: u16;
  /** VlanGroup. */
  vlans: usize;
  groupFwdMask: u16;
  /** The device's address when it was last looked at. */
  addr: u64;
  /** Spanning tree (802.1D 8.5.5). */
  id: u16;
  designatedPort: u16;
  topologyChangeAck: u8;
  configPending: u8;
  pathCost: u32;
  designatedCost: u32;
  designatedRoot: u64;
  designatedBridge: u64;
  /** Time (ms) at which the information that the port holds was fresh at the root. */
  designatedAge: u64;
  /** MCAST_ROUTER_*; a multicast router was heard behind this port until then (ns). */
  mcastRouter: u8;
  mcastIsRouter: u8;
  pad: u16;
  mcastRouterUntil: u64;
}

export enum BrPortTimer {
  MESSAGE_AGE,
  FORWARD_DELAY,
  HOLD,
  MAX,
}
const PORT_TIMERS: usize = 120;
export const BR_PORT_BYTES: usize = PORT_TIMERS + <usize>BrPortTimer.MAX * TIMER_BYTES;

export const BR_HAIRPIN_MODE: u32 = 1;
export const BR_BPDU_GUARD: u32 = 2;
export const BR_ROOT_BLOCK: u32 = 4;
export const BR_MULTICAST_FAST_LEAVE: u32 = 8;
export const BR_ADMIN_COST: u32 = 16;
export const BR_LEARNING: u32 = 32;
export const BR_FLOOD: u32 = 64;
export const BR_MCAST_FLOOD: u32 = 128;
export const BR_BCAST_FLOOD: u32 = 256;
export const BR_MULTICAST_TO_UNICAST: u32 = 512;
export const BR_ISOLATED: u32 = 1024;
export const BR_PORT_LOCKED: u32 = 2048;
/** ARP and ND that the bridge can answer do not go there; the bridge answers what comes from there; both (br_arp_nd_proxy). */
export const BR_NEIGH_SUPPRESS: u32 = 4096;
export const BR_PROXYARP: u32 = 8192;
export const BR_PROXYARP_WIFI: u32 = 16384;
export const BR_PORT_DEFAULT: u32 = BR_LEARNING | BR_FLOOD | BR_MCAST_FLOOD | BR_BCAST_FLOOD;

/** Linux: BR_MAX_PORTS is 1023; a core has 128 devices. */
export const BR_MAX_PORTS: u32 = 127;

export const GROUP_BIT: u64 = 1;
export const MAC_MASK: u64 = 0xffffffffffff;
/** 01:80:c2:00:00:0x with its last half byte masked out (IEEE 802.1D table 7-10). */
export const LINK_LOCAL: u64 = 0x0000_00c28001;
export const LINK_LOCAL_MASK: u64 = 0xf0ff_ffffffff;

export function brTimer(br: Bridge, timer: BrTimer): usize {
  assert(offsetof<Bridge>() <= BR_TIMERS, 'BR_TIMERS is behind the fields');
  return changetype<usize>(br) + BR_TIMERS + <usize>timer * TIMER_BYTES;
}

export function portTimer(p: BrPort, timer: BrPortTimer): usize {
  assert(offsetof<BrPort>() <= PORT_TIMERS, 'PORT_TIMERS is behind the fields');
  return changetype<usize>(p) + PORT_TIMERS + <usize>timer * TIMER_BYTES;
}

export function brAttr(br: Bridge, attr: BrAttr): u32 {
  return load<u32>(changetype<usize>(br) + BR_ATTRS + ((<usize>attr) << 2));
}

export function brAttrStore(br: Bridge, attr: BrAttr, value: u32): void {
  store<u32>(changetype<usize>(br) + BR_ATTRS + ((<usize>attr) << 2), value);
}

/** The port whose number is `no`, or null. */
export function brGetPort(br: Bridge, no: u32): BrPort | null {
  let at = br.ports;
  while (at !== 0 && <u32>changetype<BrPort>(at).no !== no) at = changetype<BrPort>(at).next;
  return changetype<BrPort | null>(at);
}

export function brIsUp(br: Bridge): bool {
  return br.up !== 0;
}

/** The MAC of a device as the lower 48 bits of an identifier. */
export function macNumber(mac: u64): u64 {
  return bswap<u64>(mac) >> 16;
}

/** Takes part in the spanning tree, or would. */
export function portIsOn(p: BrPort): bool {
  return p.state !== <u8>BrState.DISABLED;
}
