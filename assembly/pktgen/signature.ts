/**
 * Finds the signature in a frame that was received, whatever lies before it (tags, IPv4, IPv6; UDP, TCP, ICMP echo and
 * its reply; an ethertype of nobody), and says whether the frame is whole. Nothing is read beyond `end`.
 */
import { PKTGEN_MAGIC_LONG, PKTGEN_MAGIC_SHORT, PktgenLong, PktgenShort, PktgenSig } from '../abi/pktgen';
import { csumFold, csumIpv6Nofold, csumPartial, csumTcpUdpNofold, ipFastCsum } from '../lib/checksum';
import { crc32 } from '../lib/crc32';

const ETH_P_IP: u32 = 0x0800;
const ETH_P_IPV6: u32 = 0x86dd;
const ETH_P_ARP: u32 = 0x0806;
const ETH_P_8021Q: u32 = 0x8100;
const ETH_P_8021AD: u32 = 0x88a8;
const TAGS_MAX: u32 = 2;
const IPPROTO_ICMP: u32 = 1;
const IPPROTO_TCP: u32 = 6;
const IPPROTO_UDP: u32 = 17;
const IPPROTO_ICMPV6: u32 = 58;
/** MF and the offset, as loaded. */
const IP_FRAGMENT_BE: u16 = 0xff3f;

/** What was found; at a place of lib/scratch. */
@unmanaged
@final
export class Found {
  /** First byte of the signature, and one past the last of the fill. */
  at: usize;
  end: usize;
  /** IP and transport header, 0 when there is none; protocol. */
  ip: usize;
  l4: usize;
  proto: u32;
}

/**
 * Finds a signature in the bytes `p` to `end` behind an ethertype of `protocol`. False: not one of ours. A magic number
 * in which one bit is wrong counts as found: a damaged frame shall be called so.
 */
export function signatureFind(found: Found, protocol: u32, p: usize, end: usize): bool {
  for (let tag: u32 = 0; tag < TAGS_MAX; tag++) {
    if (protocol !== ETH_P_8021Q && protocol !== ETH_P_8021AD) break;
    if (end - p < 4) return false;
    protocol = bswap<u16>(load<u16>(p, 2));
    p += 4;
  }
  found.ip = 0;
  found.l4 = 0;
  found.at = p;
  found.end = end;
  if (protocol === ETH_P_IP) {
    if (!findIpv4(found, p, end)) return false;
  } else if (protocol === ETH_P_IPV6) {
    if (!findIpv6(found, p, end)) return false;
  } else if (protocol === ETH_P_ARP) return false;
  if (found.end - found.at < <usize>PktgenShort.SIZE) return false;
  const magic = <u32>load<u16>(found.at);
  const long = found.end - found.at >= <usize>PktgenLong.SIZE;
  return popcnt(magic ^ (long ? PKTGEN_MAGIC_LONG : PKTGEN_MAGIC_SHORT)) <= 1;
}

function findIpv4(found: Found, ip: usize, end: usize): bool {
  if (end - ip < 20) return false;
  const first = <u32>load<u8>(ip);
  const ihl = (first & 15) << 2;
  const len = <u32>bswap<u16>(load<u16>(ip, 2));
  if (first >> 4 !== 4 || ihl < 20 || len < ihl || len > end - ip) return false;
  if ((load<u16>(ip, 6) & IP_FRAGMENT_BE) !== 0) return false;
  found.ip = ip;
  return findTransport(found, load<u8>(ip, 9), ip + ihl, ip + len);
}

function findIpv6(found: Found, ip: usize, end: usize): bool {
  if (end - ip < 40 || load<u8>(ip) >> 4 !== 6) return false;
  const len = <u32>bswap<u16>(load<u16>(ip, 4));
  if (len > end - ip - 40) return false;
  found.ip = ip;
  return findTransport(found, load<u8>(ip, 6), ip + 40, ip + 40 + len);
}

function findTransport(found: Found, proto: u32, l4: usize, end: usize): bool {
  found.l4 = l4;
  found.end = end;
  found.proto = proto;
  if (end - l4 < 8) return false;
  if (proto === IPPROTO_UDP) {
    // What lies behind the datagram is no part of it.
    const len = <u32>bswap<u16>(load<u16>(l4, 4));
    if (len < 8 || len > end - l4) return false;
    found.end = l4 + len;
    found.at = l4 + 8;
    return true;
  }
  if (proto === IPPROTO_TCP) {
    if (end - l4 < 20) return false;
    const header = (<u32>load<u8>(l4, 12) >> 4) << 2;
    if (header < 20 || header > end - l4) return false;
    found.at = l4 + header;
    return true;
  }
  const type = <u32>load<u8>(l4);
  found.at = l4 + 8;
  if (proto === IPPROTO_ICMP) return type === 8 || type === 0;
  return proto === IPPROTO_ICMPV6 && (type === 128 || type === 129);
}

/** True when the signature and its fill are as they were sent; `sums`: the checksums that the frame carries, too. */
export function signatureOk(found: Found, sums: bool, crcTables: usize): bool {
  const at = found.at;
  const bytes = <u32>(found.end - at);
  const magic = <u32>load<u16>(at, PktgenSig.MAGIC);
  if (bytes >= <u32>PktgenLong.SIZE) {
    if (magic !== PKTGEN_MAGIC_LONG || load<u32>(at, PktgenLong.LEN) !== bytes) return false;
    const fill = crc32(crcTables, at + PktgenLong.SIZE, bytes - PktgenLong.SIZE, 0);
    if (crc32(crcTables, at, PktgenLong.CRC, fill) !== load<u32>(at, PktgenLong.CRC)) return false;
  } else {
    if (magic !== PKTGEN_MAGIC_SHORT) return false;
    const fill = crc32(crcTables, at + PktgenShort.SIZE, bytes - PktgenShort.SIZE, 0);
    if (crc32(crcTables, at, PktgenShort.CRC, fill) !== load<u32>(at, PktgenShort.CRC)) return false;
  }
  return !sums || found.ip === 0 || checksumsOk(found);
}

function checksumsOk(found: Found): bool {
  const ip = found.ip;
  const l4 = found.l4;
  const len = <u32>(found.end - l4);
  const v4 = load<u8>(ip) >> 4 === 4;
  if (v4 && ipFastCsum(ip, <u32>load<u8>(ip) & 15) !== 0) return false;
  const proto = found.proto;
  // RFC 768: over IPv4 a sender may leave the sum out.
  if (proto === IPPROTO_UDP && v4 && load<u16>(l4, 6) === 0) return true;
  let sum: u32 = 0;
  if (!v4) sum = csumIpv6Nofold(ip + 8, ip + 24, len, proto, 0);
  else if (proto !== IPPROTO_ICMP)
    sum = csumTcpUdpNofold(load<u32>(ip, 12), load<u32>(ip, 16), len, proto, 0);
  return csumFold(csumPartial(l4, len, sum)) === 0;
}
