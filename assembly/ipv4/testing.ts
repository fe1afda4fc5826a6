/**
 * A small composition for unit tests of IPv4: one namespace, devices without ARP whose packets are written to a log
 * from their IP header on, and real routing between them. Not part of the core.
 *
 *   log  {count, pad[3], {len, tag, bytes[LOG_BYTES]} x LOG_RECORDS}        tag: ifindex
 */
import { HostRing } from '../abi/layout';
import { Op } from '../abi/ops';
import { Mib } from '../abi/snmp';
import { SCRATCH_BYTES } from '../dev/scratch';
import {
  DevKind,
  IFF_LOOPBACK,
  IFF_NOARP,
  NetDevice,
  allocNetdev,
  devOpen,
  freeNetdev,
  registerNetdev,
  unregisterNetdev,
} from '../dev/net_device';
import { NETDEV_TX_OK } from '../dev/port';
import { kfree, kzalloc } from '../lib/kmalloc';
import { opSet } from '../lib/ops';
import { root } from '../lib/root';
import { timersRun } from '../lib/timer_wheel';
import { arpOpsInit } from '../neigh/arp';
import { neighNetInit, neighOpsInit } from '../neigh/neigh_init';
import { neighTablesBytes, neighTablesInit } from '../neigh/neigh_table';
import { AF_INET, Net, netSetup, netTeardown } from '../net/net';
import { callNetOps } from '../net/registry';
import { exceptionFind } from '../route/exception';
import { Fib, RTPROT_STATIC, RT_TABLE_MAIN, RtType, fibAdd, fibDraft, fibNh } from '../route/fib';
import { consumeSkb } from '../skb/free';
import { SkBuff } from '../skb/sk_buff';
import { skbCopyBits } from '../skb/skbuff';
import { testSkb, testSkbFrags } from '../skb/testing';
import { inetAddrAdd } from './devinet';
import { ipOpsInit } from './ip_init';
import { ipListRcv } from './ip_input';

const LOG_BYTES: u32 = 2048;
const LOG_RECORDS: u32 = 128;
const DEVICES: u32 = 16;
const EVENTS: u32 = 64;
const DELIVERIES: u32 = 64;

/** The log's record of frame `i`. */
export function testLog(i: u32): usize {
  return root().reserved1 + 16 + i * (LOG_BYTES + 8);
}

export function testLogCount(): u32 {
  return load<u32>(root().reserved1);
}

export function testLogClear(): void {
  store<u32>(root().reserved1, 0);
}

/** Behind testInit and testSkbInit; `area` is memory for the log. */
export function testIpInit(area: usize): void {
  const r = root();
  r.reserved1 = area;
  store<u32>(area, 0);
  r.devs = kzalloc(DEVICES << 2);
  r.devCount = DEVICES;
  r.scratch = kzalloc(SCRATCH_BYTES);
  r.events = kzalloc(HostRing.ENTRIES + EVENTS * 32);
  store<u32>(r.events, EVENTS - 1, HostRing.MASK);
  r.deliveries = kzalloc(HostRing.ENTRIES + DELIVERIES * 32);
  store<u32>(r.deliveries, DELIVERIES - 1, HostRing.MASK);
  neighTablesInit(kzalloc(neighTablesBytes()));
  neighOpsInit();
  arpOpsInit();
  ipOpsInit();
  opSet(Op.XMIT_VETH, logXmit.index);
}

/** A namespace with lo up and forwarding on. */
export function testIpNet(): usize {
  const p = kzalloc(offsetof<Net>());
  const net = changetype<Net>(p);
  assert(netSetup(net), 'testIpNet: no memory');
  neighNetInit(net);
  assert(callNetOps(Op.NET_INIT_IPV4, Op.NET_INIT_IPV4, net) === 0, 'testIpNet: no memory');
  store<i32>(net.conf4Default, 1);
  net.loopback = makeDev(net, IFF_LOOPBACK, 65536);
  return p;
}

/** Ends it with its devices. */
export function testIpNetEnd(p: usize): void {
  const net = changetype<Net>(p);
  while (net.devHead !== 0) {
    const dev = changetype<NetDevice>(net.devHead);
    unregisterNetdev(dev);
    freeNetdev(dev);
  }
  callNetOps(Op.NET_EXIT_IPV4, Op.NET_EXIT_IPV4, net);
  netTeardown(net);
  kfree(p);
}

function makeDev(net: Net, flags: u32, mtu: u32): usize {
  const dev = allocNetdev(net, DevKind.VETH);
  if (dev === null) return 0;
  dev.addr = 0x020000000001;
  dev.flags = flags;
  dev.mtu = mtu;
  dev.carrier = 1;
  dev.xmitOp = Op.XMIT_VETH;
  assert(registerNetdev(dev), 'too many devices');
  devOpen(dev);
  return changetype<usize>(dev);
}

/** A device with an address (host order) that is up. */
export function testIpDev(net: usize, addr: u32, plen: u32, mtu: u32): usize {
  const dev = makeDev(changetype<Net>(net), IFF_NOARP, mtu);
  assert(inetAddrAdd(changetype<NetDevice>(dev), addr, plen, 0, 0, 0) === 0, 'testIpDev: address');
  return dev;
}

/** A route of `type` to a prefix, by `gw` (0: on the link) out of `dev` (0: none). */
export function testIpRoute(p: usize, dst: u32, plen: u32, gw: u32, dev: usize, type: u32): i32 {
  const fib = changetype<Fib>(changetype<Net>(p).fib4);
  const info = fibDraft(1)!;
  info.type = <u8>type;
  info.protocol = RTPROT_STATIC;
  info.table = RT_TABLE_MAIN;
  const nh = fibNh(info, 0);
  nh.dev = dev;
  if (type === RtType.UNICAST && gw !== 0) {
    nh.gwFamily = <u8>AF_INET;
    nh.gw0 = bswap<u32>(gw);
  }
  const key = memory.data(4, 4);
  store<u32>(key, bswap<u32>(dst));
  return fibAdd(fib, key, plen, info, true);
}

/** The `len` bytes at `ptr`, an IPv4 packet, arrive at `dev`; in fragments of `fragLen` behind `linear` unless 0. */
export function testIpRcv(dev: usize, ptr: usize, len: u32, linear: u32, fragLen: u32, pktType: u32): void {
  const p = fragLen === 0 ? testSkb(ptr, len) : testSkbFrags(ptr, len, linear, fragLen);
  assert(p !== 0, 'testIpRcv: no skb');
  testIpRcvSkb(dev, p, pktType);
}

export function testIpRcvSkb(dev: usize, p: usize, pktType: u32): void {
  const skb = changetype<SkBuff>(p);
  skb.dev = dev;
  skb.iif = changetype<NetDevice>(dev).ifindex;
  skb.networkHeader = skb.data;
  skb.macHeader = skb.data - 14;
  skb.protocol = 0x0800;
  skb.pktType = <u8>pktType;
  skb.tstamp = root().now;
  const list = memory.data(8, 4);
  store<u32>(list, p);
  ipListRcv(list, 1);
}

/** Sets the clock (ns) and runs what is due. */
export function testIpRun(lo: u32, hi: u32): u32 {
  root().now = ((<u64>hi) << 32) | <u64>lo;
  return timersRun(root().now);
}

export function testMib(net: usize, id: Mib): u32 {
  return <u32>load<u64>(changetype<Net>(net).mib + ((<usize>id) << 3));
}

export function testSysctl(net: usize, id: u32, value: i32): void {
  store<i32>(changetype<Net>(net).sysctls + (id << 2), value);
}

/** conf.all and of the device. */
export function testConf4(dev: usize, id: u32, all: i32, own: i32): void {
  store<i32>(changetype<NetDevice>(dev).net.conf4All + (id << 2), all);
  store<i32>(changetype<NetDevice>(dev).conf4 + (id << 2), own);
}

/** Bytes that all fragment queues hold. */
export function testFragMem(): u32 {
  return root().fragBytes;
}

function logXmit(p: usize, dev: usize): i32 {
  const skb = changetype<SkBuff>(p);
  const n = testLogCount();
  const at = testLog(n % LOG_RECORDS);
  const head = skb.networkHeader - skb.data;
  store<u32>(at, skb.len - head);
  store<u32>(at, changetype<NetDevice>(dev).ifindex, 4);
  skbCopyBits(skb, head, at + 8, min(skb.len - head, LOG_BYTES));
  store<u32>(root().reserved1, n + 1);
  consumeSkb(skb);
  return NETDEV_TX_OK;
}

/** Gateway learnt for the address (host order, both), 0: none. */
export function testExceptionGw(net: usize, addr: u32): u32 {
  const key = memory.data(4, 4);
  store<u32>(key, bswap<u32>(addr));
  const found = exceptionFind(changetype<Net>(net), AF_INET, key, 0);
  return found === null || found.dev === 0 ? 0 : bswap<u32>(<u32>found.gw0);
}
