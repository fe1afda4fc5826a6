/**
 * What is counted in instructions: FILL makes ready, STEP is what is counted, CHECK says how many operations came out
 * right. Frames go from receive ring to transmit ring, as in core mode; making and taking them is no part of a step.
 *
 *   10.0.0.0/24 ─ port 0 ─ core ─ port 1 ─ 10.1.0.0/24, 10,000 prefixes
 */
import { BOARD_TEST_DATA, BOARD_TEST_FRAME, BOARD_TEST_STATE, BoardTestBench } from '../abi/board_test';
import { Port, ROOT_BASE, Status } from '../abi/layout';
import { AddrRec, MsgType, NeighRec, RouteRec } from '../abi/request';
import { csumFold, csumPartial, ipFastCsum } from '../lib/checksum';
import { setRoot } from '../lib/root';
import { netByHandle } from '../net/net';
import { fibFlowInit, fibLookupPlain } from '../route/fib_lookup';
import { checkEthernet, ETH_HLEN, ethProto } from '../wire/ethernet';
import { checkIpv4, ipv4DaddrBe, ipv4Ihl, ipv4Protocol, ipv4SaddrBe } from '../wire/ipv4';
import { checkUdp, udpDest, udpSource } from '../wire/udp';
import { beyond, mac, onLink } from './address';
import { configurePlain, coreEmpty, forwarding, NUD_PERMANENT, port } from './configure';
import { poll, status } from './core';
import { lab, labClear, portAt, rnd } from './lab';
import { msg, send } from './message';
import { build, draftClear, FRAME, IPPROTO_UDP, VNET } from './packet';
import { drain, inject, pass, received } from './ports';

const FLOWS: u32 = 32;
const BURST: u32 = 32;
const PREFIXES: u32 = 10000;
const LOOKUPS: u32 = 256;
/** An address of every so many prefixes is looked up. */
const EACH: u32 = 39;
const SUMS: u32 = 32;
const SUM_BYTES: u32 = 1500;
const PARSES: u32 = 64;
const SMALL_BURST: u32 = 16;
const MS: u64 = 1000000;
const AF_INET: u32 = 2;
const ADDRESSES: usize = <usize>BOARD_TEST_FRAME + 0x1_0000;
const FLOW: usize = <usize>BOARD_TEST_STATE + 0x2e00;
const PAIR: usize = <usize>BOARD_TEST_STATE + 0x2d00;
/** u32 each: which benchmark, operations of a step that were right, steps so far. */
const WHICH: usize = <usize>BOARD_TEST_STATE + 0x2c00;
const RIGHT: usize = WHICH + 4;
const STEPS: usize = WHICH + 8;

/** 0, or a negative errno. */
export function benchBegin(which: u32, small: bool): i32 {
  labClear();
  lab().rng = 1;
  store<u32>(WHICH, which);
  store<u32>(RIGHT, 0);
  store<u32>(STEPS, 0);
  if (which === <u32>BoardTestBench.CHECKSUM_1500) return bytes();
  if (which === <u32>BoardTestBench.PARSE) return frame(0);
  const err = coreEmpty(1, small, which === <u32>BoardTestBench.FIB_10K ? BOARD_TEST_DATA : 0x20_0000);
  if (err !== 0) return err;
  if (which === <u32>BoardTestBench.HOME_ROUTER) return home();
  configurePlain(2);
  // Reports of groups and the like are over.
  pass(20000 * MS);
  return which === <u32>BoardTestBench.FIB_10K ? fib() : 0;
}

function bytes(): i32 {
  for (let i: u32 = 0; i < SUM_BYTES; i += 4) store<u32>(FRAME + i, rnd());
  return 0;
}

/** UDP of 64 bytes from one of the flows. */
function frame(flow: u32): i32 {
  const d = draftClear();
  d.plain = 1;
  d.version = 4;
  d.proto = IPPROTO_UDP;
  d.host = 2;
  onLink(PAIR, 4, 0, 2);
  // By a gateway, as what goes to the Internet.
  beyond(PAIR + 16, 4, 1, flow & 3, 1 + flow);
  d.src = PAIR;
  d.dst = PAIR + 16;
  d.sport = 1024 + flow;
  d.dport = 9;
  d.payload = 64 - 42;
  build();
  return 0;
}

/** Prefixes of 16 to 24 bits behind ten gateways, and destinations that lie in some of them. */
function fib(): i32 {
  for (let n: u32 = 0; n < PREFIXES; n++) {
    const body = msg(MsgType.ROUTE_NEW, RouteRec.SIZE);
    const plen: u32 = n & 3 ? 24 : 16 + ((n >> 2) % 8);
    store<u32>(body, lab().net, RouteRec.NET);
    store<u8>(body, 2, RouteRec.FAMILY);
    store<u8>(body, <u8>plen, RouteRec.PLEN);
    store<u8>(body, 1, RouteRec.TYPE);
    store<u8>(body, 4, RouteRec.PROTOCOL);
    store<u32>(body, 254, RouteRec.TABLE);
    const network = internet() & (0xffffffff << (32 - plen));
    store<u32>(body, bswap<u32>(network), RouteRec.DST);
    if (n % EACH === 0 && n < EACH * LOOKUPS)
      store<u32>(ADDRESSES + ((n / EACH) << 2), bswap<u32>(network | (rnd() & (0xffffffff >> plen))));
    store<u8>(body, 2, RouteRec.GW_FAMILY);
    onLink(body + RouteRec.GW, 4, 1, 2 + (n % 10));
    store<i32>(body, portAt(1).ifindex, RouteRec.OIF);
    const err = send();
    // One that was drawn before is there already.
    if (err !== 0 && err !== -17) return err;
  }
  // The core's functions, in this module's copy, on the core's state.
  setRoot(ROOT_BASE);
  return 0;
}
function internet(): u32 {
  return ((11 + (rnd() % 100)) << 24) | (rnd() & 0xffffff);
}

/** lan 192.168.1.1/16 on port 0, wan 198.51.100.1/24 on port 1, a default route; the rules come from the host. */
function home(): i32 {
  forwarding();
  port(0, 0, 0, false, 1500);
  port(1, 0, 0, false, 1500);
  ip4Address(0, 0x0101a8c0, 16);
  ip4Address(1, 0x016433c6, 24);
  for (let h: u32 = 2; h < 10; h++) ip4Neighbour(0, 0x0001a8c0 | ((98 + h) << 24), h);
  ip4Neighbour(1, 0xfe6433c6, 2);
  const body = msg(MsgType.ROUTE_NEW, RouteRec.SIZE);
  store<u32>(body, lab().net, RouteRec.NET);
  store<u8>(body, 2, RouteRec.FAMILY);
  store<u8>(body, 1, RouteRec.TYPE);
  store<u8>(body, 4, RouteRec.PROTOCOL);
  store<u32>(body, 254, RouteRec.TABLE);
  store<u8>(body, 2, RouteRec.GW_FAMILY);
  store<u32>(body, 0xfe6433c6, RouteRec.GW);
  store<i32>(body, portAt(1).ifindex, RouteRec.OIF);
  const err = send();
  pass(20000 * MS);
  return err;
}
function ip4Address(i: u32, be: u32, plen: u8): void {
  const body = msg(MsgType.ADDR_NEW, AddrRec.SIZE);
  store<u32>(body, lab().net, AddrRec.NET);
  store<i32>(body, portAt(i).ifindex, AddrRec.IFINDEX);
  store<u8>(body, 2, AddrRec.FAMILY);
  store<u8>(body, plen, AddrRec.PLEN);
  store<u32>(body, be, AddrRec.ADDR);
  store<u32>(body, 0xffffffff, AddrRec.VALID);
  store<u32>(body, 0xffffffff, AddrRec.PREFERRED);
  send();
}
function ip4Neighbour(i: u32, be: u32, h: u32): void {
  const body = msg(MsgType.NEIGH_NEW, NeighRec.SIZE);
  store<u32>(body, lab().net, NeighRec.NET);
  store<i32>(body, portAt(i).ifindex, NeighRec.IFINDEX);
  store<u8>(body, 2, NeighRec.FAMILY);
  store<u8>(body, NUD_PERMANENT, NeighRec.STATE);
  store<u32>(body, be, NeighRec.KEY);
  mac(body + NeighRec.LLADDR, i, h);
  send();
}

/** Out from the house, or the answer to it: masquerading keeps the port. */
function homeFrame(flow: u32, back: bool): void {
  const d = draftClear();
  d.plain = 1;
  const far = 0x0700005d | (flow << 8);
  d.version = 4;
  d.proto = IPPROTO_UDP;
  d.port = back ? 1 : 0;
  d.host = back ? 2 : 2 + (flow & 7);
  store<u32>(PAIR, back ? far : 0x0001a8c0 | ((100 + (flow & 7)) << 24));
  store<u32>(PAIR + 16, back ? 0x016433c6 : far);
  d.src = PAIR;
  d.dst = PAIR + 16;
  d.sport = back ? 443 : 10000 + flow;
  d.dport = back ? 10000 + flow : 443;
  d.payload = 64 - 42;
  build();
}

/** Operations of the step to come. */
export function benchFill(): u32 {
  const which = load<u32>(WHICH);
  const step = load<u32>(STEPS);
  store<u32>(STEPS, step + 1);
  if (which === <u32>BoardTestBench.CHECKSUM_1500) return SUMS;
  if (which === <u32>BoardTestBench.PARSE) return PARSES;
  if (which === <u32>BoardTestBench.FIB_10K) return LOOKUPS;
  drain();
  const l = lab();
  l.now += which === <u32>BoardTestBench.HOME_ROUTER && step < 8 ? 1000 * MS : MS;
  const burst = l.small !== 0 ? SMALL_BURST : BURST;
  // The house speaks first, then both directions take turns.
  const back = which === <u32>BoardTestBench.HOME_ROUTER && (step & 1) !== 0;
  for (let i: u32 = 0; i < burst; i++) {
    if (which === <u32>BoardTestBench.HOME_ROUTER) homeFrame(i % FLOWS, back);
    else frame(i % FLOWS);
    inject(back ? 1 : 0, FRAME, l.len, VNET);
  }
  return burst;
}

export function benchStep(): void {
  const which = load<u32>(WHICH);
  if (which === <u32>BoardTestBench.CHECKSUM_1500) {
    sums();
  } else if (which === <u32>BoardTestBench.PARSE) {
    parses();
  } else if (which === <u32>BoardTestBench.FIB_10K) {
    lookups();
  } else {
    const l = lab();
    received();
    poll(<u32>l.now, <u32>(l.now >> 32), 256);
  }
}

function sums(): void {
  let same: u32 = 0;
  let first: u16 = 0;
  for (let i: u32 = 0; i < SUMS; i++) {
    const sum = csumFold(csumPartial(FRAME, SUM_BYTES, 0));
    if (i === 0) first = sum;
    if (sum === first) same++;
  }
  store<u32>(RIGHT, same);
}

function parses(): void {
  let right: u32 = 0;
  for (let i: u32 = 0; i < PARSES; i++) {
    if (parse(FRAME, 64) === 1024 + 9) right++;
  }
  store<u32>(RIGHT, right);
}

/** Sum of the ports, or 0. */
function parse(p: usize, len: u32): u32 {
  if (checkEthernet(p, len) !== 0) return 0;
  if (ethProto(p) !== 0x0800) return 0;
  const ip = p + ETH_HLEN;
  if (checkIpv4(ip, len - ETH_HLEN) !== 0) return 0;
  const ihl = ipv4Ihl(ip);
  if (ipFastCsum(ip, ihl >> 2) !== 0) return 0;
  if (ipv4SaddrBe(ip) === ipv4DaddrBe(ip)) return 0;
  if (ipv4Protocol(ip) !== IPPROTO_UDP) return 0;
  const udp = ip + ihl;
  if (checkUdp(udp, len - ETH_HLEN - ihl) !== 0) return 0;
  return udpSource(udp) + udpDest(udp);
}

function lookups(): void {
  const net = netByHandle(lab().net);
  if (net === null) return;
  let found: u32 = 0;
  for (let i: u32 = 0; i < LOOKUPS; i++) {
    const fl = fibFlowInit(FLOW, AF_INET);
    store<u32>(FLOW, load<u32>(ADDRESSES + (i << 2)));
    if (fibLookupPlain(net, fl) === 0) found++;
  }
  store<u32>(RIGHT, found);
}

export function benchCheck(): u32 {
  const which = load<u32>(WHICH);
  if (which < <u32>BoardTestBench.FORWARD) return load<u32>(RIGHT);
  const rings = portAt((load<u32>(STEPS) & 1) !== 0 || which === <u32>BoardTestBench.FORWARD ? 1 : 0).rings;
  return load<u32>(rings, Port.TX_HEAD) - load<u32>(rings, Port.TX_TAIL);
}

/** For the host, which loads a ruleset. */
export function requestArea(): u32 {
  return load<u32>(status(), Status.REQUEST_AREA);
}
