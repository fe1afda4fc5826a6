/**
 * A small composition for unit tests of neighbours and ARP: namespaces, Ethernet devices whose frames are written
 * to a log, and an IPv4 of eight addresses behind ARP's ops. Not part of the core.
 *
 *   scratch  +0 addresses {count, {dev, addr, plen} x 8}   +0x100 errors {count, neigh, skb's first byte}
 *            +0x1000 frames {count, pad[3], {len, bytes[124]} x LOG_RECORDS}
 */
import { HostRing } from '../abi/layout';
import { Op } from '../abi/ops';
import { ethTypeTrans } from '../dev/eth';
import {
  DevKind,
  IFF_BROADCAST,
  IFF_MULTICAST,
  NetDevice,
  allocNetdev,
  devClose,
  devOpen,
  freeNetdev,
  registerNetdev,
  unregisterNetdev,
} from '../dev/net_device';
import { NETDEV_TX_OK } from '../dev/port';
import { kfree, kzalloc } from '../lib/kmalloc';
import { opIndex, opSet } from '../lib/ops';
import { root } from '../lib/root';
import { timersRun } from '../lib/timer_wheel';
import { Net, netSetup, netTeardown } from '../net/net';
import { consumeSkb } from '../skb/free';
import { allocSkb } from '../skb/pool';
import { SkBuff } from '../skb/sk_buff';
import { skbCopyBits, skbPut } from '../skb/skbuff';
import { ipv4IsLbcast, ipv4IsMulticast, ipv4Netmask } from '../wire/ipv4_addr';
import { arpOpsInit } from './arp';
import { RTN_BROADCAST, RTN_LOCAL, RTN_MULTICAST, RTN_UNICAST } from './arp_ops';
import { neighNetInit, neighOpsInit } from './neigh_init';
import { neighTablesBytes, neighTablesInit, neighTable } from './neigh_table';
import { Neighbour, neighCreate, neighOutput } from './neighbour';

const ERRORS: usize = 0x100;
const FRAMES: usize = 0x1000;
const RECORD_BYTES: usize = 128;
const LOG_RECORDS: u32 = 1024;
const DEVICES: u32 = 16;
const EVENTS: u32 = 256;

export const NEIGH_REFS: u32 = offsetof<Neighbour>('refs');
export const NEIGH_STATE: u32 = offsetof<Neighbour>('nudState');
export const NEIGH_DEAD: u32 = offsetof<Neighbour>('dead');
export const NEIGH_HA: u32 = offsetof<Neighbour>('ha');
export const NEIGH_FLAGS: u32 = offsetof<Neighbour>('flags');
export const NEIGH_TYPE: u32 = offsetof<Neighbour>('type');
export const NEIGH_REACHABLE_TIME: u32 = offsetof<Neighbour>('reachableTime');
export const NEIGH_QUEUE_HEAD: u32 = offsetof<Neighbour>('queueHead');
export const DEV_CONF4: u32 = offsetof<NetDevice>('conf4');
export const DEV_NEIGH4: u32 = offsetof<NetDevice>('neigh4');
export const DEV_NEIGH6: u32 = offsetof<NetDevice>('neigh6');
export const DEV_FLAGS: u32 = offsetof<NetDevice>('flags');
export const DEV_ADDR: u32 = offsetof<NetDevice>('addr');
export const NET_SYSCTLS: u32 = offsetof<Net>('sysctls');
export const NET_NEIGH4_ENTRIES: u32 = offsetof<Net>('neigh4Entries');

function scratch(): usize {
  return root().reserved1;
}

/** Behind testInit and testSkbInit: tables, ops, the event ring and the scratch area at `area` (256 KB). */
export function testNeighInit(area: usize): void {
  const r = root();
  r.reserved1 = area;
  memory.fill(area, 0, FRAMES + 16);
  r.devs = kzalloc(DEVICES << 2);
  r.devCount = DEVICES;
  r.events = kzalloc(HostRing.ENTRIES + EVENTS * 32);
  store<u32>(r.events, EVENTS - 1, HostRing.MASK);
  neighTablesInit(kzalloc(neighTablesBytes()));
  neighOpsInit();
  arpOpsInit();
  opSet(Op.XMIT_VETH, testXmit.index);
  opSet(Op.NEIGH_ARP_ERROR, testError.index);
  opSet(Op.ARP_ADDR_TYPE, testAddrType.index);
  opSet(Op.ARP_SELECT_SADDR, testSelectSaddr.index);
  opSet(Op.ARP_CONFIRM_ADDR, testConfirmAddr.index);
  opSet(Op.ARP_ROUTE_INPUT, testRouteInput.index);
  opSet(Op.ARP_ROUTE_DEV, testRouteDev.index);
  opSet(Op.ARP_ONLINK, testOnlink.index);
}

export function testNet(): usize {
  const net = kzalloc(offsetof<Net>());
  assert(netSetup(changetype<Net>(net)), 'testNet: no memory');
  neighNetInit(changetype<Net>(net));
  return net;
}

export function testNetEnd(net: usize): void {
  netTeardown(changetype<Net>(net));
  kfree(net);
}

/** A device that is up; `flags` besides BROADCAST and MULTICAST. The MAC's first byte is the lowest of `macLo`. */
export function testDev(net: usize, macLo: u32, macHi: u32, flags: u32): usize {
  const dev = allocNetdev(changetype<Net>(net), DevKind.VETH);
  if (dev === null) return 0;
  dev.addr = <u64>macLo | ((<u64>macHi) << 32);
  dev.flags = IFF_BROADCAST | IFF_MULTICAST | flags;
  dev.carrier = 1;
  dev.ipPtr = 1;
  dev.xmitOp = Op.XMIT_VETH;
  assert(registerNetdev(dev), 'testDev: too many');
  devOpen(dev);
  return changetype<usize>(dev);
}

export function testDevClose(dev: usize): void {
  devClose(changetype<NetDevice>(dev));
}

export function testDevEnd(p: usize): void {
  unregisterNetdev(changetype<NetDevice>(p));
  freeNetdev(changetype<NetDevice>(p));
}

/** Gives a device an address (host order). */
export function testOwn(dev: usize, addr: u32, plen: u32): void {
  const n = load<u32>(scratch());
  assert(n < 8, 'testOwn: too many');
  const at = scratch() + 4 + n * 12;
  store<u32>(at, dev);
  store<u32>(at, addr, 4);
  store<u32>(at, plen, 8);
  store<u32>(scratch(), n + 1);
}

/** Sets the clock and runs what is due. */
export function testRun(lo: u32, hi: u32): u32 {
  root().now = ((<u64>hi) << 32) | <u64>lo;
  return timersRun(root().now);
}

/** An skb of the bytes with the given protocol goes to the neighbour of `key`; the neighbour, 0 without one. */
export function testOutput(
  family: u32,
  key: usize,
  dev: usize,
  bytes: usize,
  len: u32,
  protocol: u32,
): usize {
  const neigh = neighCreate(family, key, changetype<NetDevice>(dev));
  if (neigh === null) return 0;
  const skb = allocSkb(len);
  assert(skb !== null, 'testOutput: no skb');
  memory.copy(skbPut(skb!, len), bytes, len);
  skb!.protocol = <u16>protocol;
  neighOutput(neigh, skb!);
  return changetype<usize>(neigh);
}

/** A frame arrives and goes to ARP. */
export function testRcvArp(frame: usize, len: u32, dev: usize): void {
  const skb = allocSkb(len);
  assert(skb !== null, 'testRcvArp: no skb');
  memory.copy(skbPut(skb!, len), frame, len);
  skb!.dev = dev;
  ethTypeTrans(skb!, changetype<NetDevice>(dev));
  const list = scratch() + 0x200;
  store<u32>(list, changetype<usize>(skb!));
  call_indirect<void>(opIndex(Op.RCV_ARP), list, <u32>1);
}

/** Frames sent since the last call of testClearFrames; the log holds 1024. */
export function testFrames(): u32 {
  return load<u32>(scratch() + FRAMES);
}

/** Address of frame `i`'s length, 124 of its bytes behind it. */
export function testFrame(i: u32): usize {
  return scratch() + FRAMES + 16 + i * RECORD_BYTES;
}

export function testClearFrames(): void {
  store<u32>(scratch() + FRAMES, 0);
}

/** Errors that the failure upcall saw. */
export function testErrors(): u32 {
  return load<u32>(scratch() + ERRORS);
}

export function testTable(family: u32): usize {
  return changetype<usize>(neighTable(family));
}

export function testEventRing(): usize {
  return root().events;
}

function testXmit(p: usize, dev: usize): i32 {
  const skb = changetype<SkBuff>(p);
  const n = load<u32>(scratch() + FRAMES);
  assert(skb.dev === dev && skb.macHeader === skb.data, 'testXmit: not an Ethernet frame of this device');
  if (n < LOG_RECORDS) {
    store<u32>(testFrame(n), skb.len);
    skbCopyBits(skb, 0, testFrame(n) + 4, min(skb.len, <u32>RECORD_BYTES - 4));
  }
  store<u32>(scratch() + FRAMES, n + 1);
  consumeSkb(skb);
  return NETDEV_TX_OK;
}

function testError(neigh: usize, skb: usize): void {
  const at = scratch() + ERRORS;
  store<u32>(at, load<u32>(at) + 1);
  store<u32>(at, neigh, 4);
  store<u32>(at, load<u8>(changetype<SkBuff>(skb).data), 8);
}

function ownAt(i: u32): usize {
  return scratch() + 4 + i * 12;
}

/** The i-th own address whose subnet has `addr`, or -1. */
function subnetOf(dev: usize, addr: u32): i32 {
  for (let i: u32 = 0; i < load<u32>(scratch()); i++) {
    const at = ownAt(i);
    if (dev !== 0 && load<u32>(at) !== dev) continue;
    if (((load<u32>(at, 4) ^ addr) & ipv4Netmask(load<u32>(at, 8))) === 0) return <i32>i;
  }
  return -1;
}

function ownIndex(dev: usize, addr: u32): i32 {
  for (let i: u32 = 0; i < load<u32>(scratch()); i++) {
    if (dev !== 0 && load<u32>(ownAt(i)) !== dev) continue;
    if (load<u32>(ownAt(i), 4) === addr) return <i32>i;
  }
  return -1;
}

function testAddrType(_net: usize, _dev: usize, addr: u32): i32 {
  if (ownIndex(0, addr) >= 0) return RTN_LOCAL;
  if (ipv4IsMulticast(addr)) return RTN_MULTICAST;
  if (ipv4IsLbcast(addr)) return RTN_BROADCAST;
  const i = subnetOf(0, addr);
  if (i >= 0 && (addr | ipv4Netmask(load<u32>(ownAt(i), 8))) === 0xffffffff) return RTN_BROADCAST;
  return RTN_UNICAST;
}

function testSelectSaddr(dev: usize, dst: u32, _scope: u32): u32 {
  let i = subnetOf(dev, dst);
  if (i >= 0) return load<u32>(ownAt(i), 4);
  for (i = 0; i < load<i32>(scratch()); i++) if (load<u32>(ownAt(i)) === dev) return load<u32>(ownAt(i), 4);
  return 0;
}

function testConfirmAddr(_net: usize, dev: usize, dst: u32, local: u32, _scope: u32): u32 {
  const i = ownIndex(dev, local);
  if (i < 0) return 0;
  if (dst !== 0 && ((dst ^ local) & ipv4Netmask(load<u32>(ownAt(i), 8))) !== 0) return 0;
  return local;
}

function testRouteInput(_skb: usize, tip: u32, sip: u32, _dev: usize): i32 {
  if (ownIndex(0, sip) >= 0) return -22;
  return ownIndex(0, tip) >= 0 ? RTN_LOCAL : RTN_UNICAST;
}

function testRouteDev(_net: usize, dst: u32, _src: u32): usize {
  const i = subnetOf(0, dst);
  return i < 0 ? 0 : load<u32>(ownAt(i));
}

function testOnlink(dev: usize, a: u32, b: u32): i32 {
  const i = subnetOf(dev, a);
  return <i32>(i >= 0 && (b === 0 || ((a ^ b) & ipv4Netmask(load<u32>(ownAt(i), 8))) === 0));
}
