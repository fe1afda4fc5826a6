/**
 * Neighbour discovery options (RFC 4861 4.6; route information RFC 4191 2.3; RDNSS and DNSSL RFC 8106 5; nonce
 * RFC 3971 5.3.2). The length counts units of 8 bytes, the two bytes of type and length included.
 *
 *   0                   1                   2                   3
 *   0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1
 *  +---------------+---------------+-------------------------------+
 *  |     type      | length (x 8)  |  data ...
 *  +---------------+---------------+-------------------------------+
 *  1, 2 link-layer: address(6)
 *  3 prefix, 4:     plen(1) L A(1) | valid(4) | preferred(4) | reserved(4) | prefix(16)
 *  4 redirected:    reserved(6) | IPv6 header and what follows of the packet
 *  5 MTU, 1:        reserved(2) | mtu(4)
 *  24 route, 1..3:  plen(1) preference(1) | lifetime(4) | prefix(0, 8, 16)
 *  25 RDNSS, 3, 5.. reserved(2) | lifetime(4) | address(16) ...
 */
import { WIRE_FIELD, WIRE_OK, WIRE_OPTION } from './check';
import { etherAddrCopy } from './ethernet';
import { ipv6AddrCopy } from './ipv6_addr';

export const ND_OPT_SOURCE_LL_ADDR: u32 = 1;
export const ND_OPT_TARGET_LL_ADDR: u32 = 2;
export const ND_OPT_PREFIX_INFO: u32 = 3;
export const ND_OPT_REDIRECT_HDR: u32 = 4;
export const ND_OPT_MTU: u32 = 5;
export const ND_OPT_NONCE: u32 = 14;
export const ND_OPT_ROUTE_INFO: u32 = 24;
export const ND_OPT_RDNSS: u32 = 25;
export const ND_OPT_DNSSL: u32 = 31;
export const ND_OPT_CAPTIVE_PORTAL: u32 = 37;
export const ND_OPT_PREF64: u32 = 38;

export const ND_OPT_LLADDR_LEN: u32 = 8;
export const ND_OPT_MTU_LEN: u32 = 8;
export const ND_OPT_PREFIX_INFO_LEN: u32 = 32;
export const ND_OPT_REDIRECT_HDR_LEN: u32 = 8;
export const ND_OPT_PREFIX_ONLINK: u32 = 0x80;
export const ND_OPT_PREFIX_AUTO: u32 = 0x40;

/** Addresses of the first option of each type, 0 when there is none; more of a type: walk on with ndOptNext. */
@unmanaged
@final
export class NdOptions {
  sourceLlAddr: usize;
  targetLlAddr: usize;
  prefixInfo: usize;
  redirectHdr: usize;
  mtu: usize;
  nonce: usize;
  routeInfo: usize;
  rdnss: usize;
  dnssl: usize;
}

export const ND_OPTIONS_BYTES: u32 = offsetof<NdOptions>();

/** The position behind the option at `pos`; -1 when it does not fit or has a length of 0. */
export function ndOptNext(opts: usize, len: u32, pos: u32): i32 {
  if (pos >= len || len - pos < 2) return -1;
  const optlen = ndOptLen(opts + pos);
  if (optlen === 0 || optlen > len - pos) return -1;
  return pos + optlen;
}

/** "All included options have a length that is greater than zero" (RFC 4861 6.1.1 and on), and all fit. */
export function ndOptionsCheck(opts: usize, len: u32): i32 {
  let pos: u32 = 0;
  while (pos < len) {
    const next = ndOptNext(opts, len, pos);
    if (next < 0) return WIRE_OPTION;
    pos = next;
  }
  return WIRE_OK;
}

/**
 * Fills the NdOptions at `outPtr` with the options whose own length and fields are right (checkNdOpt); others are
 * passed over, as unknown ones are. WIRE_OPTION, and the message is void, when one has length 0 or does not fit.
 */
export function parseNdOptions(opts: usize, len: u32, outPtr: usize): i32 {
  memory.fill(outPtr, 0, ND_OPTIONS_BYTES);
  const out = changetype<NdOptions>(outPtr);
  let pos: u32 = 0;
  while (pos < len) {
    const next = ndOptNext(opts, len, pos);
    if (next < 0) return WIRE_OPTION;
    if (checkNdOpt(opts + pos) === WIRE_OK) keepFirst(out, opts + pos);
    pos = next;
  }
  return WIRE_OK;
}

function keepFirst(out: NdOptions, p: usize): void {
  switch (ndOptType(p)) {
    case ND_OPT_SOURCE_LL_ADDR: {
      if (out.sourceLlAddr === 0) out.sourceLlAddr = p;
      return;
    }
    case ND_OPT_TARGET_LL_ADDR: {
      if (out.targetLlAddr === 0) out.targetLlAddr = p;
      return;
    }
    case ND_OPT_PREFIX_INFO: {
      if (out.prefixInfo === 0) out.prefixInfo = p;
      return;
    }
    case ND_OPT_REDIRECT_HDR: {
      if (out.redirectHdr === 0) out.redirectHdr = p;
      return;
    }
    case ND_OPT_MTU: {
      if (out.mtu === 0) out.mtu = p;
      return;
    }
    case ND_OPT_NONCE: {
      if (out.nonce === 0) out.nonce = p;
      return;
    }
    case ND_OPT_ROUTE_INFO: {
      if (out.routeInfo === 0) out.routeInfo = p;
      return;
    }
    case ND_OPT_RDNSS: {
      if (out.rdnss === 0) out.rdnss = p;
      return;
    }
    case ND_OPT_DNSSL: {
      if (out.dnssl === 0) out.dnssl = p;
      return;
    }
  }
}

/** For an option that ndOptNext has walked over: length and fields that its type allows. Unknown types pass. */
export function checkNdOpt(p: usize): i32 {
  const len = ndOptLen(p);
  switch (ndOptType(p)) {
    case ND_OPT_SOURCE_LL_ADDR:
    case ND_OPT_TARGET_LL_ADDR:
      return len === ND_OPT_LLADDR_LEN ? WIRE_OK : WIRE_OPTION;
    case ND_OPT_PREFIX_INFO: {
      if (len !== ND_OPT_PREFIX_INFO_LEN) return WIRE_OPTION;
      return ndPrefixLen(p) > 128 ? WIRE_FIELD : WIRE_OK;
    }
    case ND_OPT_MTU:
      return len === ND_OPT_MTU_LEN ? WIRE_OK : WIRE_OPTION;
    case ND_OPT_ROUTE_INFO: {
      if (len > 24) return WIRE_OPTION;
      const plen = ndRouteLen(p);
      if (plen > 128) return WIRE_FIELD;
      // "Length 3 if Prefix Length is greater than 64; 2 or 3 if greater than 0" (RFC 4191 2.3)
      if ((plen > 64 && len < 24) || (plen > 0 && len < 16)) return WIRE_OPTION;
      return WIRE_OK;
    }
    case ND_OPT_RDNSS:
      return len < 24 || (len & 15) !== 8 ? WIRE_OPTION : WIRE_OK;
    case ND_OPT_DNSSL:
      return len < 16 ? WIRE_OPTION : WIRE_OK;
    default:
      return WIRE_OK;
  }
}

export function ndOptType(p: usize): u32 {
  return load<u8>(p);
}

/** In bytes, type and length included. */
export function ndOptLen(p: usize): u32 {
  return (<u32>load<u8>(p, 1)) << 3;
}

/** Address of the 6 bytes in a source or target link-layer address. */
export function ndOptLladdr(p: usize): usize {
  return p + 2;
}

export function ndOptMtu(p: usize): u32 {
  return bswap<u32>(load<u32>(p, 4));
}

export function ndPrefixLen(p: usize): u32 {
  return load<u8>(p, 2);
}

/** ND_OPT_PREFIX_* bits. */
export function ndPrefixFlags(p: usize): u32 {
  return load<u8>(p, 3);
}

/** Seconds; 0xffffffff is for ever. */
export function ndPrefixValid(p: usize): u32 {
  return bswap<u32>(load<u32>(p, 4));
}

export function ndPrefixPreferred(p: usize): u32 {
  return bswap<u32>(load<u32>(p, 8));
}

/** Address of the prefix's 16 bytes. */
export function ndPrefix(p: usize): usize {
  return p + 16;
}

export function ndRouteLen(p: usize): u32 {
  return load<u8>(p, 2);
}

/** Two bits (RFC 4191 2.1): 1 high, 0 medium, 3 low, 2 reserved. */
export function ndRoutePref(p: usize): u32 {
  return (<u32>load<u8>(p, 3) >> 3) & 3;
}

export function ndRouteLifetime(p: usize): u32 {
  return bswap<u32>(load<u32>(p, 4));
}

/** Address of the route's prefix, of which ndOptLen - 8 bytes are there: 0, 8 or 16. */
export function ndRoutePrefix(p: usize): usize {
  return p + 8;
}

export function ndRdnssLifetime(p: usize): u32 {
  return bswap<u32>(load<u32>(p, 4));
}

export function ndRdnssCount(p: usize): u32 {
  return (ndOptLen(p) - 8) >> 4;
}

/** Address of server `i` (below ndRdnssCount). */
export function ndRdnssAddr(p: usize, i: u32): usize {
  return p + 8 + (i << 4);
}

/** Each emitter returns the length of what it wrote. `type`: source or target; `mac` points to 6 bytes. */
export function emitNdOptLladdr(p: usize, type: u32, mac: usize): u32 {
  store<u8>(p, <u8>type);
  store<u8>(p, 1, 1);
  etherAddrCopy(p + 2, mac);
  return ND_OPT_LLADDR_LEN;
}

export function emitNdOptMtu(p: usize, mtu: u32): u32 {
  store<u8>(p, <u8>ND_OPT_MTU);
  store<u8>(p, 1, 1);
  store<u16>(p, 0, 2);
  store<u32>(p, bswap<u32>(mtu), 4);
  return ND_OPT_MTU_LEN;
}

export function emitNdOptPrefixInfo(
  p: usize,
  plen: u32,
  flags: u32,
  valid: u32,
  preferred: u32,
  prefix: usize,
): u32 {
  store<u8>(p, <u8>ND_OPT_PREFIX_INFO);
  store<u8>(p, 4, 1);
  store<u8>(p, <u8>plen, 2);
  store<u8>(p, <u8>flags, 3);
  store<u32>(p, bswap<u32>(valid), 4);
  store<u32>(p, bswap<u32>(preferred), 8);
  store<u32>(p, 0, 12);
  ipv6AddrCopy(p + 16, prefix);
  return ND_OPT_PREFIX_INFO_LEN;
}

/** The head only: `bytes` of the redirected packet, a multiple of 8, are the caller's to copy behind it. */
export function emitNdOptRedirectHdr(p: usize, bytes: u32): u32 {
  store<u32>(p, ND_OPT_REDIRECT_HDR | (((bytes + ND_OPT_REDIRECT_HDR_LEN) >> 3) << 8));
  store<u32>(p, 0, 4);
  return ND_OPT_REDIRECT_HDR_LEN;
}
