/**
 * A random router: ports of different kinds, a bridge or a VLAN now and then, addresses, neighbours, routes of every
 * type, rules, sysctls, a ruleset of nf_tables, connection tracking, multicast, a raw socket, a queue.
 */
import { BOARD_TEST_MEMORY, BOARD_TEST_STATE } from '../abi/board_test';
import { NetifF } from '../abi/features';
import { InitConfig, ROOT_BASE, Status } from '../abi/layout';
import { PortData, VlanData } from '../abi/link_data';
import { CtEnableRec } from '../abi/nf_conntrack';
import {
  AddrRec,
  LINK_SET_MASTER,
  LinkRec,
  MsgType,
  NeighRec,
  NetRec,
  NfqueueRec,
  RawRec,
  RouteNhRec,
  RouteRec,
  RuleRec,
  SysctlGroup,
  SysctlRec,
  TraceSetRec,
} from '../abi/request';
import { Ipv4Conf, Ipv6Conf, Sysctl } from '../abi/sysctl';
import { TRACE_F_DROPS, TRACE_F_EVENTS, TRACE_F_LOG, TRACE_F_NFT } from '../abi/trace';
import { BEYOND, beyond, HOSTS, mac, onLink } from './address';
import { init, status } from './core';
import { below, lab, once, PORTS_MAX, portAt, rnd } from './lab';
import { msg, send } from './message';
import { rules } from './rules';

const KIND_PORT: u8 = 3;
const KIND_VLAN: u8 = 5;
const KIND_BRIDGE: u8 = 8;
const CARRIER_KEEP: u8 = 255;
const IFF_UP: u32 = 1;
const IFA_F_NODAD: u32 = 2;
export const NUD_PERMANENT: u8 = 0x80;
const NUD_STALE: u8 = 0x04;
const AF_INET: u8 = 2;
const AF_INET6: u8 = 10;
const RT_TABLE_MAIN: u32 = 254;
const OTHER_TABLE: u32 = 100;
export const RTN_UNICAST: u8 = 1;
const RTPROT_STATIC: u8 = 4;
const VNET_HDR: u32 = 10;
const FOREVER: u32 = 0xffffffff;
const CONFIG: usize = <usize>BOARD_TEST_STATE + 0x2f00;
const DAY: u64 = 86400000000000;

const family = (version: u32): u8 => (version === 4 ? AF_INET : AF_INET6);

/** An empty core. `small`: with about half a megabyte for everything. Returns init()'s status. */
export function coreEmpty(seed: u32, small: bool, bytes: u32 = BOARD_TEST_MEMORY): i32 {
  memory.fill(ROOT_BASE, 0, bytes - ROOT_BASE);
  memory.fill(CONFIG, 0, InitConfig.SIZE);
  const l = lab();
  l.small = small ? 1 : 0;
  store<u32>(CONFIG, small ? ROOT_BASE + (512 << 10) : bytes, InitConfig.MEMORY_BYTES);
  store<u32>(CONFIG, small ? 96 : 256, InitConfig.SKBS);
  store<u32>(CONFIG, small ? 96 : 256, InitConfig.SMALL_SLOTS);
  store<u32>(CONFIG, small ? 0 : 8, InitConfig.LARGE_SLOTS);
  store<u32>(CONFIG, 12, InitConfig.DEVICES);
  store<u32>(CONFIG, 2, InitConfig.NETS);
  store<u32>(CONFIG, small ? 16384 : 49152, InitConfig.REQUEST_BYTES);
  store<u32>(CONFIG, 64, InitConfig.EVENTS);
  store<u32>(CONFIG, 32, InitConfig.DELIVERIES);
  store<u32>(CONFIG, 32, InitConfig.HANDLES);
  store<u32>(CONFIG, seed, InitConfig.SEED);
  store<u64>(CONFIG, DAY, InitConfig.NOW);
  l.now = DAY;
  const err = init(CONFIG);
  if (err !== 0) return err;
  l.requestArea = load<u32>(status(), Status.REQUEST_AREA);
  l.requestBytes = load<u32>(status(), Status.REQUEST_BYTES);
  const body = msg(MsgType.NET_NEW, NetRec.SIZE);
  const bad = send();
  l.net = load<u32>(body, NetRec.NET);
  return bad;
}

export function configureRandom(small: bool): void {
  const l = lab();
  if (once(8)) trace();
  sysctls();
  const ports = below(PORTS_MAX - 1) + 2;
  for (let i: u32 = 0; i < ports; i++)
    port(i, randomFeatures(), once(3) ? VNET_HDR : 0, !small && once(4), randomMtu());
  while (l.ports < 2) port(l.ports, 0, 0, false, 1500);
  if (l.ports > 2 && once(3)) bridge();
  for (let i: u32 = 0; i < l.ports; i++) addresses(i);
  if (once(4)) vlan();
  for (let i: u32 = 0; i < l.ports; i++) {
    neighbours(i, 4);
    neighbours(i, 6);
  }
  routes();
  if (once(3)) policy();
  if (once(2)) connections();
  if (!once(4)) rules();
  if (once(3)) raw();
}

/** For benchmarks and vectors: two plain ports with addresses, forwarding on, neighbours known. */
export function configurePlain(ports: u32): void {
  forwarding();
  for (let i: u32 = 0; i < ports; i++) {
    port(i, 0, 0, false, 1500);
    configureHosts(i);
  }
  configureBeyond(ports);
}
export function forwarding(): void {
  sysctl(SysctlGroup.NET, 0, Sysctl.IP_FORWARD, 1);
  conf(SysctlGroup.CONF6, Ipv6Conf.FORWARDING, 1);
}
/** Addresses of port `i`, and all its hosts as neighbours. */
export function configureHosts(i: u32): void {
  addresses(i);
  for (let h: u32 = 2; h < 2 + HOSTS; h++) {
    neighbour(i, 4, h, NUD_PERMANENT);
    neighbour(i, 6, h, NUD_PERMANENT);
  }
}
/** The routes to what lies beyond. */
export function configureBeyond(ports: u32): void {
  for (let i: u32 = 0; i < ports; i++) {
    for (let g: u32 = 0; g < BEYOND; g++) {
      plainRoute(4, i, g);
      plainRoute(6, i, g);
    }
  }
}

function randomFeatures(): u32 {
  let features: u32 = once(2) ? <u32>NetifF.GRO : 0;
  if (once(2)) features |= NetifF.RXCSUM;
  if (once(3)) features |= NetifF.HW_CSUM | NetifF.SG;
  if (once(4)) features |= NetifF.HW_CSUM | NetifF.SG | NetifF.TSO | NetifF.TSO6;
  if (once(6)) features |= NetifF.GRO_UDP_FWD;
  return features;
}
function randomMtu(): u32 {
  return once(4) ? 1280 + below(221) : once(12) ? 576 + below(200) : 1500;
}

export function port(i: u32, features: u32, vnetHdrLen: u32, large: bool, mtu: u32): void {
  const l = lab();
  const body = msg(MsgType.LINK_NEW, LinkRec.SIZE);
  store<u32>(body, l.net, LinkRec.NET);
  store<u8>(body, KIND_PORT, LinkRec.KIND);
  store<u32>(body, mtu, LinkRec.MTU);
  // A header on the line is what lets frames come without a checksum, or large.
  store<u32>(
    body,
    vnetHdrLen === 0 ? features & ~(<u32>(NetifF.HW_CSUM | NetifF.TSO | NetifF.TSO6)) : features,
    LinkRec.FEATURES,
  );
  store<u32>(body, l.small !== 0 ? 16 : 32, LinkRec.RING_ENTRIES);
  if (large) store<u32>(body, 4, LinkRec.RX_ENTRIES);
  store<u32>(body, vnetHdrLen, LinkRec.VNET_HDR_LEN);
  store<u32>(body, large ? 1 : 0, LinkRec.LARGE);
  store<u32>(body, 1, LinkRec.DATA + PortData.QUEUES);
  mac(body + LinkRec.MAC, i, 1);
  store<u32>(body, 0x30687465 + (i << 24), LinkRec.NAME);
  if (send() !== 0) return;
  const p = portAt(i);
  p.handle = load<u32>(body, LinkRec.HANDLE);
  p.ifindex = load<i32>(body, LinkRec.IFINDEX);
  p.rings = load<u32>(body, LinkRec.PORT);
  p.vnetHdrLen = vnetHdrLen;
  p.large = large ? 1 : 0;
  p.mtu = mtu;
  l.ports = i + 1;
  linkUp(p.ifindex);
}

function linkSet(ifindex: i32): usize {
  const body = msg(MsgType.LINK_SET, LinkRec.SIZE);
  store<u32>(body, lab().net, LinkRec.NET);
  store<i32>(body, ifindex, LinkRec.IFINDEX);
  store<u8>(body, CARRIER_KEEP, LinkRec.CARRIER);
  return body;
}
function linkUp(ifindex: i32): void {
  const body = linkSet(ifindex);
  store<u32>(body, IFF_UP, LinkRec.FLAGS);
  store<u32>(body, IFF_UP, LinkRec.CHANGE);
  store<u8>(body, 1, LinkRec.CARRIER);
  send();
}

/** The last two ports are ports of a bridge, which has the addresses of the one before the last. */
function bridge(): void {
  const l = lab();
  const body = msg(MsgType.LINK_NEW, LinkRec.SIZE);
  store<u32>(body, l.net, LinkRec.NET);
  store<u8>(body, KIND_BRIDGE, LinkRec.KIND);
  store<u32>(body, 0x00307262, LinkRec.NAME);
  mac(body + LinkRec.MAC, l.ports - 2, 1);
  if (send() !== 0) return;
  const ifindex = load<i32>(body, LinkRec.IFINDEX);
  for (let i = l.ports - 2; i < l.ports; i++) {
    const set = linkSet(portAt(i).ifindex);
    store<u32>(set, LINK_SET_MASTER, LinkRec.SET);
    store<i32>(set, ifindex, LinkRec.MASTER);
    send();
  }
  linkUp(ifindex);
  portAt(l.ports - 2).ifindex = ifindex;
  portAt(l.ports - 1).plain = 1;
}

/** VLAN 5 on the first port. */
function vlan(): void {
  const l = lab();
  const body = msg(MsgType.LINK_NEW, LinkRec.SIZE);
  store<u32>(body, l.net, LinkRec.NET);
  store<u8>(body, KIND_VLAN, LinkRec.KIND);
  store<u32>(body, 0x35306c76, LinkRec.NAME);
  store<i32>(body, portAt(0).ifindex, LinkRec.LINK);
  store<u16>(body, 5, LinkRec.DATA + VlanData.ID);
  if (send() !== 0) return;
  const ifindex = load<i32>(body, LinkRec.IFINDEX);
  linkUp(ifindex);
  address(4, ifindex, 32, 1);
}

function addresses(i: u32): void {
  if (portAt(i).plain !== 0) return;
  address(4, portAt(i).ifindex, i, 1);
  address(6, portAt(i).ifindex, i, 1);
}
export function address(version: u32, ifindex: i32, i: u32, h: u32): void {
  const body = msg(MsgType.ADDR_NEW, AddrRec.SIZE);
  store<u32>(body, lab().net, AddrRec.NET);
  store<i32>(body, ifindex, AddrRec.IFINDEX);
  store<u8>(body, family(version), AddrRec.FAMILY);
  store<u8>(body, version === 4 ? 24 : 64, AddrRec.PLEN);
  store<u32>(body, version === 4 ? 0 : IFA_F_NODAD, AddrRec.FLAGS);
  onLink(body + AddrRec.ADDR, version, i, h);
  store<u32>(body, FOREVER, AddrRec.VALID);
  store<u32>(body, FOREVER, AddrRec.PREFERRED);
  send();
}

/** Some hosts are known, some are to be asked for. */
function neighbours(i: u32, version: u32): void {
  for (let h: u32 = 2; h < 2 + HOSTS; h++) {
    const what = below(6);
    if (what < 4) neighbour(i, version, h, NUD_PERMANENT);
    else if (what === 4) neighbour(i, version, h, NUD_STALE);
  }
}
export function neighbour(i: u32, version: u32, h: u32, state: u8): void {
  const body = msg(MsgType.NEIGH_NEW, NeighRec.SIZE);
  store<u32>(body, lab().net, NeighRec.NET);
  store<i32>(body, portAt(i).ifindex, NeighRec.IFINDEX);
  store<u8>(body, family(version), NeighRec.FAMILY);
  store<u8>(body, state, NeighRec.STATE);
  onLink(body + NeighRec.KEY, version, i, h);
  mac(body + NeighRec.LLADDR, i, h);
  send();
}

export function routeTo(version: u32, i: u32, g: u32, type: u8, nexthops: u32): usize {
  const body = msg(MsgType.ROUTE_NEW, RouteRec.SIZE + nexthops * <u32>RouteNhRec.SIZE);
  store<u32>(body, lab().net, RouteRec.NET);
  store<u8>(body, family(version), RouteRec.FAMILY);
  store<u8>(body, version === 4 ? 24 : 64, RouteRec.PLEN);
  store<u8>(body, type, RouteRec.TYPE);
  store<u8>(body, RTPROT_STATIC, RouteRec.PROTOCOL);
  store<u32>(body, RT_TABLE_MAIN, RouteRec.TABLE);
  beyond(body + RouteRec.DST, version, i, g, 0);
  return body;
}
export function via(body: usize, version: u32, i: u32, h: u32): void {
  store<u8>(body, family(version), RouteRec.GW_FAMILY);
  onLink(body + RouteRec.GW, version, i, h);
  store<i32>(body, portAt(i).ifindex, RouteRec.OIF);
}
function plainRoute(version: u32, i: u32, g: u32): void {
  via(routeTo(version, i, g, RTN_UNICAST, 0), version, i, 2 + g);
  send();
}

function routes(): void {
  const l = lab();
  for (let i: u32 = 0; i < l.ports; i++) {
    if (portAt(i).plain !== 0) continue;
    for (let g: u32 = 0; g < BEYOND; g++) {
      if (!once(6)) route(4, i, g);
      if (!once(6)) route(6, i, g);
    }
  }
  if (once(2)) defaultRoute(4);
  if (once(2)) defaultRoute(6);
}
function defaultRoute(version: u32): void {
  const body = routeTo(version, 0, 0, RTN_UNICAST, 0);
  memory.fill(body + RouteRec.DST, 0, 16);
  store<u8>(body, 0, RouteRec.PLEN);
  via(body, version, 0, 2 + below(HOSTS));
  send();
}
function route(version: u32, i: u32, g: u32): void {
  const what = below(12);
  if (what === 0) {
    // Blackhole, unreachable, prohibit, throw.
    routeTo(version, i, g, 6 + <u8>below(4), 0);
  } else if (what === 1) {
    const body = routeTo(version, i, g, RTN_UNICAST, 0);
    store<i32>(body, portAt(i).ifindex, RouteRec.OIF);
  } else if (what <= 3) {
    const body = routeTo(version, i, g, RTN_UNICAST, 2);
    store<u16>(body, 2, RouteRec.NH_COUNT);
    for (let n: u32 = 0; n < 2; n++) {
      const nh = body + RouteRec.SIZE + n * RouteNhRec.SIZE;
      store<i32>(nh, portAt(i).ifindex, RouteNhRec.OIF);
      store<u8>(nh, family(version), RouteNhRec.GW_FAMILY);
      store<u16>(nh, <u16>below(4), RouteNhRec.WEIGHT);
      onLink(nh + RouteNhRec.GW, version, i, 2 + ((g + n * 3) % HOSTS));
    }
  } else {
    const body = routeTo(version, i, g, RTN_UNICAST, 0);
    via(body, version, i, 2 + below(HOSTS));
    if (what === 4) store<u32>(body, 1280 + below(200), RouteRec.MTU);
    if (what === 5) store<u8>(body, <u8>(below(2) << 4), RouteRec.TOS);
    if (what === 6) store<u32>(body, 10 + below(100), RouteRec.METRIC);
  }
  send();
}

/** Marked packets, or those of a prefix, look elsewhere first. */
function policy(): void {
  const l = lab();
  const version: u32 = once(2) ? 4 : 6;
  const i = below(l.ports);
  const body = msg(MsgType.RULE_NEW, RuleRec.SIZE);
  store<u32>(body, l.net, RuleRec.NET);
  store<u8>(body, family(version), RuleRec.FAMILY);
  store<u8>(body, once(4) ? 6 + <u8>below(3) : 1, RuleRec.ACTION);
  store<u32>(body, 1000, RuleRec.PRIORITY);
  store<u32>(body, OTHER_TABLE, RuleRec.TABLE);
  store<i32>(body, -1, RuleRec.SUPPRESS_PREFIXLEN);
  store<i32>(body, -1, RuleRec.SUPPRESS_IFGROUP);
  if (once(2)) {
    store<u32>(body, 1, RuleRec.FWMARK);
    store<u32>(body, 1, RuleRec.FWMASK);
  } else {
    store<u8>(body, version === 4 ? 24 : 64, RuleRec.SRC_LEN);
    onLink(body + RuleRec.SRC, version, i, 0);
  }
  send();
  for (let g: u32 = 0; g < BEYOND; g++) {
    const to = routeTo(version, i, g, RTN_UNICAST, 0);
    store<u32>(to, OTHER_TABLE, RouteRec.TABLE);
    via(to, version, below(l.ports), 2 + below(HOSTS));
    send();
  }
}

function connections(): void {
  const body = msg(MsgType.CT_ENABLE, CtEnableRec.SIZE);
  store<u32>(body, lab().net, CtEnableRec.NET);
  store<u32>(body, 1, CtEnableRec.FAMILY);
  store<u32>(body, once(2) ? 3 : 1, CtEnableRec.ON);
  send();
}

function raw(): void {
  const l = lab();
  const body = msg(MsgType.RAW_BIND, RawRec.SIZE);
  store<u32>(body, l.net, RawRec.NET);
  store<u32>(body, once(2) ? AF_INET : AF_INET6, RawRec.FAMILY);
  store<u32>(body, once(2) ? 89 : 17, RawRec.PROTOCOL);
  store<u32>(body, 7, RawRec.SOCKET);
  send();
  const queue = msg(MsgType.NFQUEUE_BIND, NfqueueRec.SIZE);
  store<u32>(queue, l.net, NfqueueRec.NET);
  store<u32>(queue, 3, NfqueueRec.NUM);
  store<u32>(queue, 1, NfqueueRec.ON);
  send();
}

function trace(): void {
  const body = msg(MsgType.TRACE_SET, TraceSetRec.SIZE);
  store<u32>(
    body,
    TRACE_F_DROPS | (once(2) ? TRACE_F_EVENTS | TRACE_F_NFT | TRACE_F_LOG : 0),
    TraceSetRec.FLAGS,
  );
  store<u32>(body, 32768, TraceSetRec.BYTES);
  store<u32>(body, 128, TraceSetRec.SNAPLEN);
  if (send() === 0) lab().trace = load<u32>(body, TraceSetRec.RING);
}

export function sysctl(group: u32, ifindex: i32, id: u32, value: i32): void {
  const body = msg(MsgType.SYSCTL_SET, SysctlRec.SIZE);
  store<u32>(body, lab().net, SysctlRec.NET);
  store<u32>(body, group, SysctlRec.GROUP);
  store<i32>(body, ifindex, SysctlRec.IFINDEX);
  store<u32>(body, id, SysctlRec.ID);
  store<i32>(body, value, SysctlRec.VALUE);
  send();
}
/** Of `all` (-1) and of those to come (0). */
function conf(group: u32, id: u32, value: i32): void {
  sysctl(group, -1, id, value);
  sysctl(group, 0, id, value);
}

function sysctls(): void {
  if (!once(8)) sysctl(SysctlGroup.NET, 0, Sysctl.IP_FORWARD, 1);
  if (!once(8)) conf(SysctlGroup.CONF6, Ipv6Conf.FORWARDING, 1);
  if (once(2)) conf(SysctlGroup.CONF4, Ipv4Conf.RP_FILTER, <i32>below(3));
  if (once(3)) conf(SysctlGroup.CONF4, Ipv4Conf.ACCEPT_SOURCE_ROUTE, 1);
  if (once(3)) conf(SysctlGroup.CONF4, Ipv4Conf.ACCEPT_REDIRECTS, <i32>below(2));
  if (once(3)) conf(SysctlGroup.CONF4, Ipv4Conf.SEND_REDIRECTS, <i32>below(2));
  if (once(4)) conf(SysctlGroup.CONF4, Ipv4Conf.PROXY_ARP, 1);
  if (once(6)) conf(SysctlGroup.CONF4, Ipv4Conf.ARP_ACCEPT, 1);
  if (once(6)) conf(SysctlGroup.CONF4, Ipv4Conf.BC_FORWARDING, 1);
  if (once(6)) conf(SysctlGroup.CONF6, Ipv6Conf.ACCEPT_SOURCE_ROUTE, <i32>below(2));
  if (once(3)) sysctl(SysctlGroup.NET, 0, Sysctl.FIB_MULTIPATH_HASH_POLICY, <i32>below(3));
  if (once(3)) sysctl(SysctlGroup.NET, 0, Sysctl.IP6_FIB_MULTIPATH_HASH_POLICY, <i32>below(3));
  if (once(3)) sysctl(SysctlGroup.NET, 0, Sysctl.ICMP_RATELIMIT, <i32>below(2000));
  if (once(3)) sysctl(SysctlGroup.NET, 0, Sysctl.IPFRAG_TIME, 1 + <i32>below(30));
  if (once(4)) sysctl(SysctlGroup.NET, 0, Sysctl.NF_CONNTRACK_TCP_LOOSE, <i32>below(2));
  if (once(4)) sysctl(SysctlGroup.NET, 0, Sysctl.NF_CONNTRACK_ACCT, 1);
  if (once(8)) sysctl(SysctlGroup.NET, 0, Sysctl.NF_CONNTRACK_MAX, 8);
  // Values that no one would choose are refused, or not, by both alike.
  if (once(4)) sysctl(SysctlGroup.NET, 0, below(Sysctl.MAX), <i32>rnd() >> 20);
}
