/**
 * A small composition for unit tests of IPv6: one namespace, devices with real neighbours whose frames are written to
 * a log from their Ethernet header on. Not part of the core.
 *
 *   log  {count, pad[3], {len, ifindex, bytes[LOG_BYTES]} x LOG_RECORDS}
 */
import { HostRing } from '../abi/layout';
import { Op } from '../abi/ops';
import { Mib } from '../abi/snmp';
import { Ipv6Conf, Sysctl } from '../abi/sysctl';
import { SCRATCH_BYTES } from '../dev/scratch';
import { backlogPoll } from '../dev/backlog';
import { loopbackCreate, loopbackXmit } from '../dev/loopback';
import { netRxAction } from '../dev/napi';
import {
  DevKind,
  NetDevice,
  allocNetdev,
  devClose,
  devOpen,
  devSetMtu,
  freeNetdev,
  registerNetdev,
  unregisterNetdev,
} from '../dev/net_device';
import { NETDEV_TX_OK } from '../dev/port';
import { kfree, kzalloc } from '../lib/kmalloc';
import { opSet } from '../lib/ops';
import { root } from '../lib/root';
import { timersRun } from '../lib/timer_wheel';
import { neighNetInit, neighOpsInit } from '../neigh/neigh_init';
import { neighTablesBytes, neighTablesInit } from '../neigh/neigh_table';
import {
  NUD_PERMANENT,
  NEIGH_UPDATE_F_ADMIN,
  NEIGH_UPDATE_F_OVERRIDE,
  neighCreate,
  neighLookup,
  neighUpdate,
} from '../neigh/neighbour';
import { AF_INET6, Net, netSetup, netTeardown } from '../net/net';
import { Fib, RTPROT_STATIC, RT_TABLE_MAIN, RtType, fibAdd, fibDraft, fibNh } from '../route/fib';
import { consumeSkb } from '../skb/free';
import { SkBuff } from '../skb/sk_buff';
import { skbCopyBits } from '../skb/skbuff';
import { testSkb, testSkbFrags } from '../skb/testing';
import { ipv6GetIfaddr } from './addr_hash';
import { addrconfAdd, addrconfDel, addrconfSysctlSet } from './addrconf';
import { ip6ListRcv } from './ip6_input';
import { ip6NetExit, ip6NetInit, ip6OpsInit } from './ip6_init';
import { ip6RawXmit } from './raw';
import { exceptionFind, exceptionMtu } from '../route/exception';

const LOG_BYTES: u32 = 2048;
const LOG_RECORDS: u32 = 128;
const DEVICES: u32 = 16;
const EVENTS: u32 = 64;
const DELIVERIES: u32 = 64;

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
export function testIp6Init(area: usize): void {
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
  ip6OpsInit();
  opSet(Op.XMIT_VETH, logXmit.index);
  opSet(Op.XMIT_LOOPBACK, loXmit.index);
  opSet(Op.POLL_BACKLOG, pollBacklog.index);
}

function loXmit(skb: usize, dev: usize): i32 {
  return loopbackXmit(changetype<SkBuff>(skb), changetype<NetDevice>(dev));
}
function pollBacklog(dev: usize, budget: i32): i32 {
  return backlogPoll(changetype<NetDevice>(dev), budget);
}

/** A namespace with lo up. */
export function testIp6Net(): usize {
  const p = kzalloc(offsetof<Net>());
  const net = changetype<Net>(p);
  assert(netSetup(net), 'testIp6Net: no memory');
  neighNetInit(net);
  assert(ip6NetInit(net) === 0, 'testIp6Net: no memory');
  store<i32>(net.sysctls + (Sysctl.NETDEV_MAX_BACKLOG << 2), 1000);
  store<i32>(net.sysctls + (Sysctl.ICMP_MSGS_PER_SEC << 2), 1000);
  store<i32>(net.sysctls + (Sysctl.ICMP_MSGS_BURST << 2), 50);
  const lo = loopbackCreate(net)!;
  assert(registerNetdev(lo), 'lo');
  net.loopback = changetype<usize>(lo);
  devOpen(lo);
  return p;
}

/** Ends it with its devices. */
export function testIp6NetEnd(p: usize): void {
  const net = changetype<Net>(p);
  while (net.devHead !== 0) testDevEnd(net.devHead);
  ip6NetExit(net);
  netTeardown(net);
  kfree(p);
}

export function testDevEnd(p: usize): void {
  const dev = changetype<NetDevice>(p);
  unregisterNetdev(dev);
  freeNetdev(dev);
}

/** A device, still down, of MAC 02:00:00:00:00:`n`. */
export function testDev6(net: usize, n: u32, mtu: u32): usize {
  const dev = allocNetdev(changetype<Net>(net), DevKind.VETH)!;
  dev.addr = 0x02 | ((<u64>n) << 40);
  dev.mtu = mtu;
  dev.carrier = 1;
  dev.xmitOp = Op.XMIT_VETH;
  assert(registerNetdev(dev), 'too many devices');
  return changetype<usize>(dev);
}

export function testUp(dev: usize): void {
  devOpen(changetype<NetDevice>(dev));
}
export function testDown(dev: usize): void {
  devClose(changetype<NetDevice>(dev));
}
export function testMtu(dev: usize, mtu: u32): void {
  devSetMtu(changetype<NetDevice>(dev), mtu);
}
export function testIfindex(dev: usize): i32 {
  return changetype<NetDevice>(dev).ifindex;
}

export function testAddrAdd(dev: usize, addr: usize, plen: u32, flags: u32, valid: u32, preferred: u32): i32 {
  return addrconfAdd(changetype<NetDevice>(dev), addr, plen, flags, valid, preferred);
}
export function testAddrDel(dev: usize, addr: usize, plen: u32): i32 {
  return addrconfDel(changetype<NetDevice>(dev), addr, plen);
}
/** IFA_F_* of the address, all ones when there is none. */
export function testAddrFlags(dev: usize, addr: usize): u32 {
  const ifa = ipv6GetIfaddr(changetype<NetDevice>(dev).net, addr, dev);
  return ifa === null ? 0xffffffff : ifa.flags;
}

/** A neighbour that is known for good. */
export function testNeighPermanent(dev: usize, addr: usize, mac: usize): void {
  const neigh = neighCreate(AF_INET6, addr, changetype<NetDevice>(dev))!;
  neighUpdate(neigh, mac, NUD_PERMANENT, NEIGH_UPDATE_F_ADMIN | NEIGH_UPDATE_F_OVERRIDE);
}
/** NUD_* of the neighbour, 0xff when there is none. */
export function testNeighState(dev: usize, addr: usize): u32 {
  const neigh = neighLookup(AF_INET6, addr, changetype<NetDevice>(dev));
  return neigh === null ? 0xff : neigh.nudState;
}

/** A route of `type` to a prefix, by the gateway at `gw` (0: on the link) out of `dev` (0: none). */
export function testIp6Route(p: usize, dst: usize, plen: u32, gw: usize, dev: usize, type: u32): i32 {
  const fib = changetype<Fib>(changetype<Net>(p).fib6);
  const info = fibDraft(1)!;
  info.type = <u8>type;
  info.protocol = RTPROT_STATIC;
  info.table = RT_TABLE_MAIN;
  info.metric = 1024;
  const nh = fibNh(info, 0);
  nh.dev = dev;
  if (type === RtType.UNICAST && gw !== 0) {
    nh.gwFamily = <u8>AF_INET6;
    nh.gw0 = load<u64>(gw);
    nh.gw1 = load<u64>(gw, 8);
  }
  return fibAdd(fib, dst, plen, info, true);
}

/** The `len` bytes at `ptr`, an IPv6 packet, arrive at `dev`; in fragments of `fragLen` behind `linear` unless 0. */
export function testIp6Rcv(dev: usize, ptr: usize, len: u32, linear: u32, fragLen: u32, pktType: u32): void {
  const p = fragLen === 0 ? testSkb(ptr, len) : testSkbFrags(ptr, len, linear, fragLen);
  assert(p !== 0, 'testIp6Rcv: no skb');
  const list = memory.data(8, 4);
  store<u32>(list, p);
  testPrepare(dev, p, pktType);
  ip6ListRcv(list, 1);
  while (netRxAction(64) !== 0) {}
}

function testPrepare(dev: usize, p: usize, pktType: u32): void {
  const skb = changetype<SkBuff>(p);
  skb.dev = dev;
  skb.iif = changetype<NetDevice>(dev).ifindex;
  skb.networkHeader = skb.data;
  skb.macHeader = skb.data - 14;
  skb.protocol = 0x86dd;
  skb.pktType = <u8>pktType;
  skb.tstamp = root().now;
  skb.cb0 = 0xdead;
  skb.cb1 = 0xffffffff;
  skb.cb2 = 0xffff;
}

/** Forwards copies of the packets {ptr, len} at `packets`, 64 at a time, `rounds` times: for measuring (pktType 3: the loop alone). */
export function testIp6Loop(dev: usize, packets: usize, count: u32, rounds: u32, pktType: u32): u32 {
  const list = memory.data(256, 4);
  let n: u32 = 0;
  for (let r: u32 = 0; r < rounds; r++) {
    for (let i: u32 = 0; i < 64; i++) {
      const at = packets + ((n++ % count) << 3);
      const p = testSkb(load<u32>(at), load<u32>(at, 4));
      testPrepare(dev, p, pktType);
      store<u32>(list + (i << 2), p);
    }
    ip6ListRcv(list, 64);
  }
  return n;
}

/** Sets the clock (ns) and runs what is due. */
export function testIp6Run(lo: u32, hi: u32): u32 {
  root().now = ((<u64>hi) << 32) | <u64>lo;
  const fired = timersRun(root().now);
  while (netRxAction(64) !== 0) {}
  return fired;
}

export function testMib(net: usize, id: Mib): u32 {
  return <u32>load<u64>(changetype<Net>(net).mib + ((<usize>id) << 3));
}
export function testSysctl(net: usize, id: u32, value: i32): void {
  store<i32>(changetype<Net>(net).sysctls + (id << 2), value);
}
/** net.ipv6.conf: of `dev`, or of all when 0. */
export function testConf6(net: usize, dev: usize, id: u32, value: i32): i32 {
  return addrconfSysctlSet(changetype<Net>(net), changetype<NetDevice | null>(dev), <Ipv6Conf>id, value);
}

/** An application sends the packet at `ptr`; 0 or a negative errno. */
export function testRawXmit(net: usize, ptr: usize, len: u32, oif: i32): i32 {
  const err = ip6RawXmit(changetype<Net>(net), changetype<SkBuff>(testSkb(ptr, len)), oif);
  while (netRxAction(64) !== 0) {}
  return err;
}

/** Path MTU learnt for the address, 0: none. */
export function testException6(net: usize, addr: usize): u32 {
  const found = exceptionFind(changetype<Net>(net), AF_INET6, addr, 0);
  return found === null ? 0 : exceptionMtu(found);
}

function logXmit(p: usize, dev: usize): i32 {
  const skb = changetype<SkBuff>(p);
  const n = testLogCount();
  // A measuring loop fills the log and then is not slowed down by it.
  if (n >= LOG_RECORDS) {
    consumeSkb(skb);
    return NETDEV_TX_OK;
  }
  const at = testLog(n);
  store<u32>(at, skb.len);
  store<u32>(at, changetype<NetDevice>(dev).ifindex, 4);
  skbCopyBits(skb, 0, at + 8, min(skb.len, LOG_BYTES));
  store<u32>(root().reserved1, n + 1);
  consumeSkb(skb);
  return NETDEV_TX_OK;
}
