/**
 * Vectors that the board runs by itself (`ww board selftest`): what is known to be right, put in and compared. Those of
 * functions run in this module's copy of them, those of packets go through the core's rings.
 */
import { BOARD_TEST_FRAME, BOARD_TEST_NAME_MAX, BOARD_TEST_RESULT } from '../abi/board_test';
import { NetifF, VIRTIO_NET_HDR_GSO_TCPV4, VirtioNetHdr } from '../abi/features';
import { Port, TxDesc } from '../abi/layout';
import { CtEnableRec } from '../abi/nf_conntrack';
import { CtMsg } from '../abi/nf_conntrack_netlink';
import { NFNL_SUBSYS_CTNETLINK, NfnlRec, NLM_F_DUMP } from '../abi/nfnl';
import { Msg, MsgType, RouteRec } from '../abi/request';
import { csumFold, csumPartial } from '../lib/checksum';
import { checkIpv4 } from '../wire/ipv4';
import { checkIpv6 } from '../wire/ipv6';
import { checkTcp } from '../wire/tcp';
import { checkUdp } from '../wire/udp';
import { beyond, onLink } from './address';
import {
  configureBeyond,
  configureHosts,
  configurePlain,
  coreEmpty,
  forwarding,
  port,
  RTN_UNICAST,
  routeTo,
  via,
} from './configure';
import { poll } from './core';
import { lab, labClear, portAt } from './lab';
import { msg, send } from './message';
import { nlBegin, nlEnd, nlMessage, nlSend } from './nlmsg';
import {
  build,
  Draft,
  draftClear,
  finish,
  fold,
  FRAME,
  IPPROTO_ICMP,
  IPPROTO_TCP,
  IPPROTO_UDP,
  sum16,
  VNET,
} from './packet';
import { drain, inject, pass, received } from './ports';
import { dropPort } from './rules';

const SOURCE: usize = <usize>BOARD_TEST_FRAME + 0x1_8000;
const OUT: usize = <usize>BOARD_TEST_FRAME + 0x1_9000;
const PASSED: i32 = 1;
const ENOENT: i32 = 2;
const MSS: u32 = 1000;
const VNET_HDR: u32 = 10;
const ACK: u32 = 16;
const BLACKHOLE: u8 = 6;
const MS: u64 = 1000000;
const SECONDS_20: u64 = 20000000000;

/** Runs vector `n`; its name goes to RESULT. 1 passed, 0 failed, -ENOENT behind the last. */
export function vector(n: u32): i32 {
  labClear();
  lab().rng = 1;
  switch (n) {
    case 0:
      return told('checksum: the example of RFC 1071', checksumExample());
    case 1:
      return told('checksum: every length and alignment', checksumLengths());
    case 2:
      return told('checksum: an IPv4 header', checksumHeader());
    case 3:
      return told('parsing: IPv4 headers that are none', parseIpv4());
    case 4:
      return told('parsing: IPv6, UDP, TCP that are none', parseOthers());
    case 5:
      return told('fib: the longest prefix', fibLongest());
    case 6:
      return told('fib: IPv6, and no route at all', fib6());
    case 7:
      return told('forwarding: IPv4', forward(4));
    case 8:
      return told('forwarding: IPv6', forward(6));
    case 9:
      return told('forwarding: TTL 1 is answered', timeExceeded());
    case 10:
      return told('gro: three segments become one', gro());
    case 11:
      return told('gso: one of three becomes three', gso());
    case 12:
      return told('echo: answered by the router', echo());
    case 13:
      return told('nf_tables: a rule drops what it names', rule());
    case 14:
      return told('conntrack: a connection is known', connection());
    case 15:
      return told('half a megabyte is enough', small());
    default:
      return -ENOENT;
  }
}

function told(name: string, passed: bool): i32 {
  const text = changetype<usize>(name);
  const n = min(load<u32>(text - 4) >> 1, BOARD_TEST_NAME_MAX - 1);
  for (let i: u32 = 0; i < n; i++) store<u8>(BOARD_TEST_RESULT + i, <u8>load<u16>(text + (i << 1)));
  store<u8>(BOARD_TEST_RESULT + n, 0);
  return passed ? PASSED : 0;
}

/** RFC 1071 3: 0001 f203 f4f5 f6f7 has the sum ddf2. */
function checksumExample(): bool {
  store<u64>(FRAME, 0xf7f6f5f403f20100);
  return ~csumFold(csumPartial(FRAME, 8, 0)) === <u16>0xf2dd;
}

function checksumLengths(): bool {
  for (let i: u32 = 0; i < 512; i++) store<u8>(FRAME + i, <u8>(i * 73 + 11));
  for (let at: u32 = 0; at < 8; at++) {
    for (let len: u32 = 0; len < 200; len++) {
      const sum = bswap<u16>(csumFold(csumPartial(FRAME + at, len, 0)));
      if (<u32>sum !== fold(sum16(FRAME + at, len, 0))) return false;
    }
  }
  return true;
}

/** The header that many a text computes: b861. */
function checksumHeader(): bool {
  store<u64>(FRAME, 0x0040000073000045);
  store<u64>(FRAME, 0x0100a8c000001140, 8);
  store<u32>(FRAME, 0xc700a8c0, 16);
  return bswap<u16>(csumFold(csumPartial(FRAME, 20, 0))) === <u16>0xb861;
}

function parseIpv4(): bool {
  memory.fill(FRAME, 0, 64);
  store<u8>(FRAME, 0x45);
  store<u8>(FRAME, 40, 3);
  if (checkIpv4(FRAME, 40) !== 0 || checkIpv4(FRAME, 64) !== 0) return false;
  // Longer than the bytes, shorter than a header, and every truncation of it.
  if (checkIpv4(FRAME, 39) === 0) return false;
  for (let len: u32 = 0; len < 20; len++) if (checkIpv4(FRAME, len) === 0) return false;
  store<u8>(FRAME, 19, 3);
  if (checkIpv4(FRAME, 64) === 0) return false;
  store<u8>(FRAME, 40, 3);
  for (let first: u32 = 0; first < 256; first++) {
    const right = first >> 4 === 4 && (first & 15) >= 5 && (first & 15) << 2 <= 40;
    store<u8>(FRAME, <u8>first);
    if ((checkIpv4(FRAME, 64) === 0) !== right) return false;
  }
  return true;
}

function parseOthers(): bool {
  memory.fill(FRAME, 0, 128);
  store<u8>(FRAME, 0x60);
  store<u8>(FRAME, 24, 5);
  if (checkIpv6(FRAME, 64) !== 0 || checkIpv6(FRAME, 63) === 0 || checkIpv6(FRAME, 39) === 0) return false;
  store<u8>(FRAME, 0x40);
  if (checkIpv6(FRAME, 64) === 0) return false;
  store<u8>(FRAME, 24, 5);
  if (checkUdp(FRAME, 24) !== 0 || checkUdp(FRAME, 23) === 0 || checkUdp(FRAME, 7) === 0) return false;
  store<u8>(FRAME, 7, 5);
  if (checkUdp(FRAME, 24) === 0) return false;
  for (let words: u32 = 0; words < 16; words++) {
    store<u8>(FRAME, <u8>(words << 4), 12);
    if ((checkTcp(FRAME, 40) === 0) !== (words >= 5 && words <= 10)) return false;
  }
  return true;
}

/** Two plain ports; true when it came up. */
function two(): bool {
  if (coreEmpty(1, false) !== 0) return false;
  configurePlain(2);
  return lab().refused === 0;
}

/** The gateway's host number that a route to `at` names; 0 when there is none. */
function gateway(version: u32, at: usize): u32 {
  const body = msg(MsgType.ROUTE_GET, RouteRec.SIZE);
  store<u32>(body, lab().net, RouteRec.NET);
  store<u8>(body, version === 4 ? 2 : 10, RouteRec.FAMILY);
  memory.copy(body + RouteRec.DST, at, version === 4 ? 4 : 16);
  if (send() !== 0) return 0;
  return <u32>load<u8>(body + RouteRec.GW + (version === 4 ? 3 : 15));
}

/** /24 by .2 (configurePlain), /16 by .8, /32 by .9, a /28 that leads nowhere. */
function fibLongest(): bool {
  if (!two()) return false;
  for (let i: u32 = 0; i < 3; i++) {
    const body = routeTo(4, 1, 0, i === 2 ? BLACKHOLE : RTN_UNICAST, 0);
    store<u8>(body, i === 0 ? 16 : i === 1 ? 32 : 28, RouteRec.PLEN);
    if (i === 1) store<u8>(body, 77, RouteRec.DST + 3);
    if (i === 2) store<u8>(body, 16, RouteRec.DST + 3);
    else via(body, 4, 1, 8 + i);
    if (send() !== 0) return false;
  }
  beyond(SOURCE, 4, 1, 0, 5);
  if (gateway(4, SOURCE) !== 2) return false;
  beyond(SOURCE, 4, 1, 0, 77);
  if (gateway(4, SOURCE) !== 9) return false;
  beyond(SOURCE, 4, 1, 0, 17);
  if (gateway(4, SOURCE) !== 0) return false;
  beyond(SOURCE, 4, 1, 0, 5);
  store<u8>(SOURCE, 3, 2);
  return gateway(4, SOURCE) === 8;
}

function fib6(): bool {
  if (!two()) return false;
  beyond(SOURCE, 6, 1, 3, 0x1234);
  if (gateway(6, SOURCE) !== 5) return false;
  beyond(SOURCE, 6, 5, 3, 1);
  if (gateway(6, SOURCE) !== 0) return false;
  beyond(SOURCE, 4, 5, 3, 1);
  return gateway(4, SOURCE) === 0;
}

/** From host 2 of port 0 to a host beyond gateway 2 of port 1. */
function packet(version: u32, proto: u32): Draft {
  const d = draftClear();
  d.version = version;
  d.proto = proto;
  d.host = 2;
  onLink(SOURCE, version, 0, 2);
  beyond(SOURCE + 16, version, 1, 0, 7);
  d.src = SOURCE;
  d.dst = SOURCE + 16;
  d.sport = 4000;
  d.dport = 5000;
  d.payload = 50;
  d.flags = ACK;
  d.plain = 1;
  return d;
}

/** The core takes what lies in the rings; returns the frames that port `i` has sent, the first of them at OUT. */
function sent(i: u32): u32 {
  const l = lab();
  received();
  l.now += MS;
  poll(<u32>l.now, <u32>(l.now >> 32), 256);
  const rings = portAt(i).rings;
  const n = load<u32>(rings, Port.TX_HEAD) - load<u32>(rings, Port.TX_TAIL);
  if (n !== 0) outFrame(i, 0);
  return n;
}

/** The frame `n` of those that wait to be sent, in one piece at OUT, vnet header first; returns its length. */
function outFrame(i: u32, n: u32): u32 {
  const rings = portAt(i).rings;
  const at = (load<u32>(rings, Port.TX_TAIL) + n) & load<u32>(rings, Port.TX_MASK);
  const desc = load<u32>(rings, Port.TX_RING) + at * <u32>TxDesc.SIZE;
  let len = load<u32>(desc, TxDesc.LEN);
  memory.copy(OUT, load<u32>(desc, TxDesc.BUF), len);
  const frags = load<u32>(desc, TxDesc.FRAGS);
  for (let k: u32 = 0; frags !== 0 && k < load<u32>(frags); k++) {
    memory.copy(OUT + len, load<u32>(frags + 8 + k * 12), load<u32>(frags + 8 + k * 12, 4));
    len += load<u32>(frags + 8 + k * 12, 4);
  }
  return len;
}

function equal(a: usize, b: usize, len: u32): bool {
  return memory.compare(a, b, len) === 0;
}

/** What a router changes, changed by hand: addresses of Ethernet, TTL and checksum, or hop limit. */
function forward(version: u32): bool {
  if (!two()) return false;
  packet(version, IPPROTO_UDP);
  build();
  const len = lab().len;
  inject(0, FRAME, len, VNET);
  if (sent(1) !== 1) return false;
  store<u32>(FRAME, 0x00000002);
  store<u16>(FRAME, 0x0201, 4);
  store<u32>(FRAME, 0x00000002, 6);
  store<u16>(FRAME, 0x0101, 10);
  if (version === 4) {
    store<u8>(FRAME, 63, 14 + 8);
    store<u16>(FRAME, 0, 14 + 10);
    store<u16>(FRAME, bswap<u16>(<u16>fold(sum16(FRAME + 14, 20, 0))), 14 + 10);
  } else {
    store<u8>(FRAME, 63, 14 + 7);
  }
  return outFrame(1, 0) === len && equal(OUT, FRAME, len);
}

function timeExceeded(): bool {
  if (!two()) return false;
  packet(4, IPPROTO_UDP).ttl = 1;
  build();
  inject(0, FRAME, lab().len, VNET);
  if (sent(0) !== 1) return false;
  // ICMP type 11, code 0, from the router to the sender, with the packet behind it.
  if (load<u8>(OUT, 14 + 9) !== <u8>IPPROTO_ICMP || load<u16>(OUT, 14 + 20) !== 11) return false;
  return equal(OUT + 14 + 16, SOURCE, 4) && equal(OUT + 14 + 28, FRAME + 14, 8);
}

/** Port 0 merges, port 1 takes large segments. */
function offload(features: u32): bool {
  if (coreEmpty(1, false) !== 0) return false;
  forwarding();
  port(0, NetifF.GRO, 0, false, 1500);
  port(1, features, VNET_HDR, true, 1500);
  configureHosts(0);
  configureHosts(1);
  configureBeyond(2);
  return lab().refused === 0;
}

function gro(): bool {
  if (!offload(NetifF.HW_CSUM | NetifF.SG | NetifF.TSO | NetifF.RXCSUM)) return false;
  const d = packet(4, IPPROTO_TCP);
  d.df = 1;
  d.payload = MSS;
  for (let i: u32 = 0; i < 3; i++) {
    d.seq = i * MSS;
    build();
    inject(0, FRAME, lab().len, VNET);
  }
  if (sent(1) !== 1) return false;
  if (outFrame(1, 0) !== VNET_HDR + 54 + 3 * MSS) return false;
  if (load<u8>(OUT, VirtioNetHdr.GSO_TYPE) !== <u8>VIRTIO_NET_HDR_GSO_TCPV4) return false;
  return (
    load<u16>(OUT, VirtioNetHdr.GSO_SIZE) === <u16>MSS &&
    bswap<u16>(load<u16>(OUT + VNET_HDR, 16)) === <u16>(40 + 3 * MSS)
  );
}

/** The other way: in by the port with the header, out by the plain one. */
function gso(): bool {
  if (!offload(NetifF.HW_CSUM | NetifF.SG | NetifF.TSO | NetifF.RXCSUM)) return false;
  const d = packet(4, IPPROTO_TCP);
  onLink(SOURCE, 4, 1, 2);
  beyond(SOURCE + 16, 4, 0, 0, 7);
  d.port = 1;
  d.df = 1;
  d.payload = 3 * MSS;
  build();
  store<u16>(
    d.transport,
    ~bswap<u16>(<u16>fold(sum16(d.network + 12, 8, 0) + IPPROTO_TCP + 20 + 3 * MSS)),
    16,
  );
  store<u8>(VNET, 1, VirtioNetHdr.FLAGS);
  store<u8>(VNET, <u8>VIRTIO_NET_HDR_GSO_TCPV4, VirtioNetHdr.GSO_TYPE);
  store<u16>(VNET, 54, VirtioNetHdr.HDR_LEN);
  store<u16>(VNET, <u16>MSS, VirtioNetHdr.GSO_SIZE);
  store<u16>(VNET, 34, VirtioNetHdr.CSUM_START);
  store<u16>(VNET, 16, VirtioNetHdr.CSUM_OFFSET);
  inject(1, FRAME, lab().len, VNET);
  if (sent(0) !== 3) return false;
  for (let i: u32 = 0; i < 3; i++) {
    if (outFrame(0, i) !== 54 + MSS) return false;
    if (bswap<u32>(load<u32>(OUT, 38)) !== i * MSS) return false;
    if (fold(sum16(OUT + 14, 20, 0)) !== 0) return false;
    if (fold(sum16(OUT + 34, 20 + MSS, sum16(OUT + 26, 8, 0) + IPPROTO_TCP + 20 + MSS)) !== 0) return false;
    if (!equal(OUT + 54, FRAME + 54 + i * MSS, MSS)) return false;
  }
  return true;
}

function echo(): bool {
  if (!two()) return false;
  const d = packet(4, IPPROTO_ICMP);
  onLink(SOURCE + 16, 4, 0, 1);
  d.type = 8;
  build();
  inject(0, FRAME, lab().len, VNET);
  if (sent(0) !== 1 || load<u8>(OUT, 34) !== 0) return false;
  return fold(sum16(OUT + 34, 8 + d.payload, 0)) === 0 && equal(OUT + 38, FRAME + 38, 4 + d.payload);
}

/** The packet passes; with the rule it does not; another port does. */
function rule(): bool {
  if (!two()) return false;
  packet(4, IPPROTO_UDP);
  build();
  inject(0, FRAME, lab().len, VNET);
  if (sent(1) !== 1) return false;
  drain();
  if (dropPort(5000) !== 0) return false;
  inject(0, FRAME, lab().len, VNET);
  if (sent(1) !== 0) return false;
  packet(4, IPPROTO_UDP).dport = 5001;
  build();
  inject(0, FRAME, lab().len, VNET);
  return sent(1) === 1;
}

function connection(): bool {
  if (!two()) return false;
  const enable = msg(MsgType.CT_ENABLE, CtEnableRec.SIZE);
  store<u32>(enable, lab().net, CtEnableRec.NET);
  store<u32>(enable, 1, CtEnableRec.FAMILY);
  store<u32>(enable, 1, CtEnableRec.ON);
  if (send() !== 0) return false;
  packet(4, IPPROTO_UDP);
  build();
  inject(0, FRAME, lab().len, VNET);
  if (sent(1) !== 1) return false;
  nlBegin();
  nlEnd(nlMessage((NFNL_SUBSYS_CTNETLINK << 8) | CtMsg.GET, NLM_F_DUMP, 0, 0));
  if (nlSend() !== 0) return false;
  const body = lab().requestArea + Msg.BODY;
  const bytes = load<u32>(body, NfnlRec.OUT_BYTES);
  // One message, whose first tuple has the source address.
  if (bytes === 0 || load<u32>(body + NfnlRec.DATA) !== bytes) return false;
  for (let i: u32 = 0; i + 4 <= bytes; i += 4) {
    if (equal(body + NfnlRec.DATA + i, SOURCE, 4)) return true;
  }
  return false;
}

function small(): bool {
  if (coreEmpty(1, true) !== 0) return false;
  configurePlain(2);
  if (lab().refused !== 0) return false;
  // Reports of groups and the like are over.
  pass(SECONDS_20);
  for (let i: u32 = 0; i < 100; i++) {
    packet(4, IPPROTO_UDP).sport = 1000 + i;
    build();
    finish();
    inject(0, FRAME, lab().len, VNET);
    if (sent(1) !== 1) return false;
    drain();
  }
  return true;
}
