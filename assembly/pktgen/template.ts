/**
 * The frame of a stream with everything that is the same in all of them, and the sums over it. Fields that vary are zero
 * here, so that their words are only to be added; the signature's bytes are in no sum.
 */
import { PktgenPattern, PktgenProto, PktgenStream } from '../abi/pktgen';
import { csumIpv6Nofold, csumPartial, csumTcpUdpNofold } from '../lib/checksum';
import { crc32 } from '../lib/crc32';
import { kzalloc } from '../lib/kmalloc';
import { AF_INET } from '../net/net';
import { SizeEntry, TxStream, signatureBytes, sizeEntry } from './tx_stream';

const ETH_HLEN: usize = 14;
const TAG_LEN: usize = 4;
const ETH_P_IP: u16 = 0x0800;
const ETH_P_IPV6: u16 = 0x86dd;
const IPV4_HLEN: u32 = 20;
const IPV6_HLEN: u32 = 40;
const TCP_DATA_OFFSET: u8 = 5 << 4;
const TCP_WINDOW: u16 = 0xffff;
const IP_DF_BE: u16 = 0x40;
const IPPROTO_ICMPV6: u32 = 58;
const ICMP_ECHO: u8 = 8;
const ICMPV6_ECHO_REQUEST: u8 = 128;

/** Makes template and sums; false when memory ran out. */
export function templateMake(stream: TxStream, len: u32, sizes: u32, crcTables: usize): bool {
  // A short one is copied by 64 bytes.
  stream.template = kzalloc((len + 63) & ~63);
  if (stream.template === 0) return false;
  writeFill(stream, len);
  writeEthernet(stream);
  if (stream.proto !== PktgenProto.ETHER) {
    writeIp(stream);
    writeTransport(stream);
  }
  sumSizes(stream, sizes, crcTables);
  return true;
}

/** The protocol's number in the IP header. */
function ipProto(stream: TxStream): u32 {
  if (stream.proto === PktgenProto.ICMP && stream.family !== AF_INET) return IPPROTO_ICMPV6;
  return stream.proto;
}

function writeFill(stream: TxStream, len: u32): void {
  const pattern = load<u8>(stream.config, PktgenStream.PATTERN);
  const byte = load<u8>(stream.config, PktgenStream.PATTERN_BYTE);
  let random = load<u32>(stream.config, PktgenStream.SEED) | 1;
  for (let at = stream.payload; at < len; at++) {
    let value = <u8>(at - stream.payload);
    if (pattern === <u8>PktgenPattern.BYTE) value = byte;
    if (pattern === <u8>PktgenPattern.RANDOM) {
      random ^= random << 13;
      random ^= random >> 17;
      random ^= random << 5;
      value = <u8>(random >> 24);
    }
    store<u8>(stream.template + at, value);
  }
}

function writeEthernet(stream: TxStream): void {
  const p = stream.template;
  const c = stream.config;
  memory.copy(p, c + PktgenStream.DST_MAC, 6);
  memory.copy(p + 6, c + PktgenStream.SRC_MAC, 6);
  let at = ETH_HLEN - 2;
  for (let tag: usize = 0; tag < 2; tag++) {
    const tpid = load<u16>(c + tag * 4, PktgenStream.TPID0);
    if (tpid === 0) break;
    store<u16>(p + at, bswap<u16>(tpid));
    store<u16>(p + at, bswap<u16>(load<u16>(c + tag * 4, PktgenStream.TCI0)), 2);
    at += TAG_LEN;
  }
  let proto = load<u16>(c, PktgenStream.ETHERTYPE);
  if (stream.family !== 0) proto = stream.family === AF_INET ? ETH_P_IP : ETH_P_IPV6;
  store<u16>(p + at, bswap<u16>(proto));
}

function writeIp(stream: TxStream): void {
  const p = stream.template + stream.l3;
  const c = stream.config;
  const tos = load<u8>(c, PktgenStream.TOS);
  const ttl = load<u8>(c, PktgenStream.TTL);
  if (stream.family === AF_INET) {
    store<u8>(p, 0x45);
    store<u8>(p, tos, 1);
    if (load<u8>(c, PktgenStream.DF) !== 0) store<u16>(p, IP_DF_BE, 6);
    store<u8>(p, ttl, 8);
    store<u8>(p, <u8>ipProto(stream), 9);
    if (stream.saddrs === 1) memory.copy(p + 12, c + PktgenStream.SADDR, 4);
    if (stream.daddrs === 1) memory.copy(p + 16, c + PktgenStream.DADDR, 4);
    return;
  }
  store<u16>(p, bswap<u16>(<u16>(0x6000 | ((<u32>tos) << 4))));
  store<u8>(p, <u8>ipProto(stream), 6);
  store<u8>(p, ttl, 7);
  memory.copy(p + 8, c + PktgenStream.SADDR, stream.saddrs === 1 ? 16 : 12);
  memory.copy(p + 24, c + PktgenStream.DADDR, stream.daddrs === 1 ? 16 : 12);
}

function writeTransport(stream: TxStream): void {
  const p = stream.template + stream.l4;
  const c = stream.config;
  if (stream.proto === PktgenProto.ICMP) {
    store<u8>(p, stream.family === AF_INET ? ICMP_ECHO : ICMPV6_ECHO_REQUEST);
    store<u16>(p, bswap<u16>(load<u16>(c, PktgenStream.SPORT)), 4);
    return;
  }
  if (stream.sports === 1) store<u16>(p, bswap<u16>(load<u16>(c, PktgenStream.SPORT)));
  if (stream.dports === 1) store<u16>(p, bswap<u16>(load<u16>(c, PktgenStream.DPORT)), 2);
  if (stream.proto !== PktgenProto.TCP) return;
  store<u8>(p, TCP_DATA_OFFSET, 12);
  store<u8>(p, load<u8>(c, PktgenStream.TCP_FLAGS), 13);
  store<u16>(p, TCP_WINDOW, 14);
}

/** Per size: the header's lengths, then the sums over what the template holds with them. */
function sumSizes(stream: TxStream, sizes: u32, crcTables: usize): void {
  const payload = stream.template + stream.payload;
  // A range has its sizes in order: what was summed of the fill goes on with the next.
  let signature: u32 = 0;
  let done: u32 = 0;
  let crc: u32 = 0;
  for (let i: u32 = 0; i < sizes; i++) {
    const entry = sizeEntry(stream, i);
    const bytes = entry.len - stream.payload;
    if (signature !== signatureBytes(bytes) || bytes < done) {
      signature = signatureBytes(bytes);
      done = signature;
      crc = 0;
    }
    crc = crc32(crcTables, payload + done, bytes - done, crc);
    done = bytes;
    entry.crc = crc;
    entry.ipSum = 0;
    entry.l4Sum = 0;
    if (stream.proto === PktgenProto.ETHER) continue;
    writeLengths(stream, stream.template, entry.len);
    sumHeaders(stream, entry, signature);
  }
}

/** The length fields of a frame of `len` bytes at `frame`. */
export function writeLengths(stream: TxStream, frame: usize, len: u32): void {
  const l3 = len - stream.l3;
  if (stream.family === AF_INET) store<u16>(frame + stream.l3, bswap<u16>(<u16>l3), 2);
  else store<u16>(frame + stream.l3, bswap<u16>(<u16>(l3 - IPV6_HLEN)), 4);
  if (stream.proto === PktgenProto.UDP) store<u16>(frame + stream.l4, bswap<u16>(<u16>(len - stream.l4)), 4);
}

function sumHeaders(stream: TxStream, entry: SizeEntry, signature: u32): void {
  const ip = stream.template + stream.l3;
  const l4 = stream.template + stream.l4;
  const l4Len = entry.len - stream.l4;
  const proto = ipProto(stream);
  let sum: u32 = 0;
  if (stream.family !== AF_INET) {
    sum = csumIpv6Nofold(ip + 8, ip + 24, l4Len, proto, 0);
  } else {
    entry.ipSum = csumPartial(ip, IPV4_HLEN, 0);
    if (proto !== <u32>PktgenProto.ICMP)
      sum = csumTcpUdpNofold(load<u32>(ip, 12), load<u32>(ip, 16), l4Len, proto, 0);
  }
  const fill = stream.payload - stream.l4 + signature;
  sum = csumPartial(l4, stream.payload - stream.l4, sum);
  entry.l4Sum = csumPartial(l4 + fill, l4Len - fill, sum);
}
