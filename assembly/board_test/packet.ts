/** Building one frame at FRAME: Ethernet, IP with options or extension headers, transport, payload, checksums. */
import { BOARD_TEST_FRAME } from '../abi/board_test';
import { VIRTIO_NET_HDR_F_NEEDS_CSUM, VirtioNetHdr } from '../abi/features';
import { mac } from './address';
import { below, lab, once, portAt, rnd } from './lab';

export const VNET: usize = <usize>BOARD_TEST_FRAME;
export const FRAME: usize = <usize>BOARD_TEST_FRAME + 64;
/** Fragments are cut here. */
export const PIECE: usize = <usize>BOARD_TEST_FRAME + 0x1_0000;

export const IPPROTO_ICMP: u32 = 1;
export const IPPROTO_TCP: u32 = 6;
export const IPPROTO_UDP: u32 = 17;
export const IPPROTO_ICMPV6: u32 = 58;
const ETH_P_IP: u16 = 0x0800;
const ETH_P_IPV6: u16 = 0x86dd;
const ETH_P_8021Q: u16 = 0x8100;

/** What a packet is to be, at a fixed place; the fields not set are zero. */
@unmanaged
@final
export class Draft {
  version: u32;
  proto: u32;
  /** Port that it comes in by; addresses of 16 bytes. */
  port: u32;
  host: u32;
  src: usize;
  dst: usize;
  sport: u32;
  dport: u32;
  seq: u32;
  ack: u32;
  flags: u32;
  payload: u32;
  /** 0: at random. */
  ttl: u32;
  options: u32;
  tcpOptions: u32;
  df: u32;
  /** ICMP: type and code. */
  type: u32;
  code: u32;
  vlan: u32;
  /** 1: nothing at random. */
  plain: u32;
  /** Where the parts begin. */
  network: usize;
  transport: usize;
  end: usize;
}
const DRAFT: usize = <usize>BOARD_TEST_FRAME + 0x1_f000;
export function draft(): Draft {
  return changetype<Draft>(DRAFT);
}
export function draftClear(): Draft {
  memory.fill(DRAFT, 0, offsetof<Draft>());
  return changetype<Draft>(DRAFT);
}

function put16(at: usize, value: u32): void {
  store<u16>(at, bswap<u16>(<u16>value));
}
function put32(at: usize, value: u32): void {
  store<u32>(at, bswap<u32>(value));
}

/** One's complement sum of big-endian words (RFC 1071), not folded; an odd byte counts high. */
export function sum16(at: usize, len: u32, sum: u32): u32 {
  let i: u32 = 0;
  for (; i + 1 < len; i += 2) sum += <u32>bswap<u16>(load<u16>(at + i));
  if (i < len) sum += (<u32>load<u8>(at + i)) << 8;
  return sum;
}
export function fold(sum: u32): u32 {
  sum = (sum & 0xffff) + (sum >> 16);
  sum = (sum & 0xffff) + (sum >> 16);
  return ~sum & 0xffff;
}

/** Builds it; its length is lab().len, its vnet header lies at VNET. */
export function build(): void {
  const d = draft();
  let at = FRAME;
  mac(at, d.port, 1);
  mac(at + 6, d.port, d.host);
  at += 12;
  if (d.vlan !== 0) {
    put16(at, ETH_P_8021Q);
    put16(at + 2, d.vlan);
    at += 4;
  }
  put16(at, d.version === 4 ? ETH_P_IP : ETH_P_IPV6);
  at += 2;
  d.network = at;
  d.transport = d.version === 4 ? ip4Header(at) : ip6Header(at);
  d.end = transport(d.transport);
  finish();
}

function ip4Header(at: usize): usize {
  const d = draft();
  let ihl: u32 = 20;
  if (d.options !== 0) ihl += ip4Options(at + 20, d.options);
  memory.fill(at, 0, 20);
  store<u8>(at, <u8>(0x40 | (ihl >> 2)));
  store<u8>(at, d.plain === 0 && once(6) ? <u8>below(256) : 0, 1);
  put16(at + 4, lab().ipId++);
  put16(at + 6, d.df !== 0 ? 0x4000 : 0);
  store<u8>(at, <u8>(d.ttl !== 0 ? d.ttl : 64), 8);
  store<u8>(at, <u8>d.proto, 9);
  memory.copy(at + 12, d.src, 4);
  memory.copy(at + 16, d.dst, 4);
  return at + ihl;
}

/** Bytes of options, a multiple of 4: router alert, record route, timestamp, source routes, nonsense. */
function ip4Options(at: usize, what: u32): u32 {
  memory.fill(at, 0, 40);
  if (what === 1) {
    store<u32>(at, 0x00000494);
    return 4;
  }
  if (what <= 4) {
    // Record route (7), loose (131) and strict (137) source route.
    const n = below(3) + 1;
    store<u8>(at, what === 2 ? 7 : what === 3 ? 131 : 137);
    store<u8>(at, <u8>(3 + 4 * n), 1);
    store<u8>(at, <u8>(4 + 4 * below(2)), 2);
    for (let i: u32 = 0; i < n; i++) memory.copy(at + 3 + 4 * i, draft().dst, 4);
    return (3 + 4 * n + 3) & ~3;
  }
  if (what === 5) {
    store<u32>(at, 0x00050c44 | (below(4) << 24));
    return 12;
  }
  for (let i: u32 = 0; i < 8; i++) store<u8>(at + i, <u8>below(200));
  return 8;
}

function ip6Header(at: usize): usize {
  const d = draft();
  memory.fill(at, 0, 40);
  put32(at, 0x60000000 | (d.plain === 0 && once(6) ? rnd() & 0x0fffffff : 0));
  store<u8>(at, <u8>(d.ttl !== 0 ? d.ttl : 64), 7);
  memory.copy(at + 8, d.src, 16);
  memory.copy(at + 24, d.dst, 16);
  let next = at + 6;
  let end = at + 40;
  // OPTIONS: bits for hop-by-hop, destination options, routing, an unknown one.
  for (let bit: u32 = 0; bit < 4; bit++) {
    if ((d.options & (1 << bit)) === 0) continue;
    store<u8>(next, bit === 0 ? 0 : bit === 1 ? 60 : bit === 2 ? 43 : 253);
    next = end;
    end += ip6Extension(end, bit);
  }
  store<u8>(next, <u8>d.proto);
  return end;
}

function ip6Extension(at: usize, bit: u32): u32 {
  const len: u32 = once(3) ? 16 : 8;
  memory.fill(at, 0, len);
  store<u8>(at, <u8>((len >> 3) - 1), 1);
  if (bit === 2) {
    store<u8>(at, once(2) ? 0 : 4, 2);
    store<u8>(at, <u8>below(2), 3);
    return len;
  }
  // PadN, or an option with an action that is chosen at random.
  store<u8>(at, once(3) ? <u8>((below(4) << 6) | 30) : 1, 2);
  store<u8>(at, <u8>(len - 4), 3);
  return len;
}

/** Transport header and payload; returns where the packet ends. */
function transport(at: usize): usize {
  const d = draft();
  let header: u32 = 8;
  memory.fill(at, 0, 60);
  put16(at, d.sport);
  put16(at + 2, d.dport);
  if (d.proto === IPPROTO_TCP) {
    header = 20 + tcpOptions(at + 20, d.tcpOptions);
    put32(at + 4, d.seq);
    put32(at + 8, d.ack);
    store<u8>(at, <u8>((header >> 2) << 4), 12);
    store<u8>(at, <u8>d.flags, 13);
    put16(at + 14, 0xffff);
  } else if (d.proto === IPPROTO_UDP) {
    put16(at + 4, 8 + d.payload);
  } else if (d.proto === IPPROTO_ICMP || d.proto === IPPROTO_ICMPV6) {
    store<u8>(at, <u8>d.type);
    store<u8>(at, <u8>d.code, 1);
    put16(at + 2, 0);
    put16(at + 4, d.sport);
    put16(at + 6, d.seq);
  }
  const data = at + header;
  const step = <u8>d.seq;
  for (let i: u32 = 0; i < d.payload; i++) store<u8>(data + i, <u8>i + step);
  return data + d.payload;
}

function tcpOptions(at: usize, what: u32): u32 {
  if (what === 1) {
    put32(at, 0x020405b4);
    return 4;
  }
  if (what === 2) {
    put32(at, 0x0101080a);
    put32(at + 4, <u32>(lab().now / 1000000));
    put32(at + 8, 0);
    return 12;
  }
  return 0;
}

/** Lengths and checksums, by what lies there now. */
export function finish(): void {
  const d = draft();
  const ip = d.network;
  const bytes = <u32>(d.end - ip);
  if (d.version === 4) {
    put16(ip + 2, bytes);
    put16(ip + 10, 0);
    put16(ip + 10, fold(sum16(ip, (<u32>(load<u8>(ip) & 15)) << 2, 0)));
  } else {
    put16(ip + 4, bytes - 40);
  }
  lab().len = <u32>(d.end - FRAME);
  memory.fill(VNET, 0, 12);
  const place = checksumPlace(d.proto);
  if (place === 0) return;
  const len = <u32>(d.end - d.transport);
  let sum: u32 = 0;
  if (d.proto !== IPPROTO_ICMP) {
    sum = d.version === 4 ? sum16(ip + 12, 8, 0) : sum16(ip + 8, 32, 0);
    sum += d.proto + len;
  }
  put16(d.transport + place, 0);
  // A sender without a checksum leaves it to the device: the pseudo header's sum is there.
  if (portAt(d.port).vnetHdrLen !== 0 && d.proto !== IPPROTO_ICMP && d.plain === 0 && once(3)) {
    put16(d.transport + place, ~fold(sum));
    store<u8>(VNET, <u8>VIRTIO_NET_HDR_F_NEEDS_CSUM, VirtioNetHdr.FLAGS);
    store<u16>(VNET, <u16>(d.transport - FRAME), VirtioNetHdr.CSUM_START);
    store<u16>(VNET, <u16>place, VirtioNetHdr.CSUM_OFFSET);
    return;
  }
  const value = fold(sum16(d.transport, len, sum));
  put16(d.transport + place, value === 0 && d.proto === IPPROTO_UDP ? 0xffff : value);
}

/** Offset of the checksum in the transport header, or 0. */
export function checksumPlace(proto: u32): u32 {
  if (proto === IPPROTO_TCP) return 16;
  if (proto === IPPROTO_UDP) return 6;
  return proto === IPPROTO_ICMP || proto === IPPROTO_ICMPV6 ? 2 : 0;
}
