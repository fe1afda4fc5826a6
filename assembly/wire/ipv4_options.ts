/**
 * IPv4 options (RFC 791 3.1; Router Alert RFC 2113; CIPSO FIPS 188). The check finds what the options ask for and
 * where, without changing them; ipv4OptionsStamp then makes the changes that a host or router has to make.
 *
 *   +------+                +------+------+-----------------+
 *   | type |  END, NOOP     | type | len  | data, len - 2   |  every other
 *   +------+                +------+------+-----------------+
 *
 *   RR, LSRR, SSRR   type len ptr | address address ...      ptr counts from 1: 4 is the first address,
 *   TIMESTAMP        type len ptr ovf:flg | entry ...        ptr > len: the room is used up
 *   RA               type 4 value(2)
 *
 * Offsets here count from the first byte of the IPv4 header, as the pointer of an ICMP parameter problem does.
 * Linux: net/ipv4/ip_options.c. Differs: a CIPSO option is kept unread, its DOI is not looked up.
 */
import { IPV4_HDR_LEN } from './ipv4';

export const IPOPT_COPY: u32 = 0x80;
export const IPOPT_END: u32 = 0;
export const IPOPT_NOOP: u32 = 1;
export const IPOPT_RR: u32 = 7;
export const IPOPT_TIMESTAMP: u32 = 68;
export const IPOPT_SEC: u32 = 130;
export const IPOPT_LSRR: u32 = 131;
export const IPOPT_CIPSO: u32 = 134;
export const IPOPT_SID: u32 = 136;
export const IPOPT_SSRR: u32 = 137;
export const IPOPT_RA: u32 = 148;

export const IPOPT_MAX_LEN: u32 = 40;
/** Offset of the pointer in an option, and its smallest value. */
export const IPOPT_OFFSET: u32 = 2;
export const IPOPT_MINOFF: u32 = 4;

/** Low nibble of a timestamp option's fourth byte. */
export const IPOPT_TS_TSONLY: u32 = 0;
export const IPOPT_TS_TSANDADDR: u32 = 1;
export const IPOPT_TS_PRESPEC: u32 = 3;

/** What ipv4OptionsCheck found. Offsets from the start of the IPv4 header, 0 when there is no such option. */
@unmanaged
@final
export class IpOptions {
  optlen: u32;
  /** Source route, and whether it is a strict one. */
  srr: u32;
  isStrict: u32;
  rr: u32;
  ts: u32;
  routerAlert: u32;
  cipso: u32;
  /** Record route has room for one more address. */
  rrNeedaddr: u32;
  /** The timestamp option has room, for a time or for an address and a time. */
  tsNeedtime: u32;
  tsNeedaddr: u32;
  /** The room is for this address only (network order): it asks for a time if the address is ours. */
  tsPrespec: u32;
  tsPrespecAddrBe: u32;
  /** The timestamp option is full: its overflow count goes up. */
  tsOverflow: u32;
  /** Offset from which only END may follow: where the walk ended. */
  end: u32;
}

export const IP_OPTIONS_BYTES: u32 = offsetof<IpOptions>();

/**
 * The position behind the option at `pos`; `len` behind END; -1 when the option at `pos` does not fit. A walk goes
 * on while the result is below `len`.
 */
export function ipv4OptNext(opts: usize, len: u32, pos: u32): i32 {
  if (pos >= len) return -1;
  const type = <u32>load<u8>(opts + pos);
  if (type === IPOPT_END) return len;
  if (type === IPOPT_NOOP) return pos + 1;
  if (len - pos < 2) return -1;
  const optlen = <u32>load<u8>(opts + pos, 1);
  if (optlen < 2 || optlen > len - pos) return -1;
  return pos + optlen;
}

/**
 * Checks `optLen` bytes of options and fills the IpOptions at `outPtr`. 0: they are right; else the offset of the
 * bad byte from the start of the IPv4 header (so at least 20), for ICMP parameter problem.
 */
export function ipv4OptionsCheck(optPtr: usize, optLen: u32, outPtr: usize): i32 {
  memory.fill(outPtr, 0, IP_OPTIONS_BYTES);
  const found = changetype<IpOptions>(outPtr);
  found.optlen = optLen;
  found.end = IPV4_HDR_LEN + optLen;
  let pos: u32 = 0;
  while (pos < optLen) {
    const type = <u32>load<u8>(optPtr + pos);
    if (type === IPOPT_END) {
      found.end = IPV4_HDR_LEN + pos;
      return 0;
    }
    const next = ipv4OptNext(optPtr, optLen, pos);
    if (next < 0) return IPV4_HDR_LEN + pos;
    const bad = checkOption(type, optPtr + pos, next - pos, IPV4_HDR_LEN + pos, found);
    if (bad >= 0) return IPV4_HDR_LEN + pos + bad;
    pos = next;
  }
  return 0;
}

/** Offset of the bad byte in the option of `len` bytes (2 at least) at `p`, or -1. */
function checkOption(type: u32, p: usize, len: u32, offset: u32, found: IpOptions): i32 {
  switch (type) {
    case IPOPT_LSRR:
    case IPOPT_SSRR: {
      if (len < 3) return 1;
      if (load<u8>(p, 2) < <u8>IPOPT_MINOFF) return 2;
      // "A host MUST NOT originate a datagram containing multiple source route options" (RFC 1122 3.2.1.8)
      if (found.srr !== 0) return 0;
      found.srr = offset;
      found.isStrict = type === IPOPT_SSRR ? 1 : 0;
      return -1;
    }
    case IPOPT_RR:
      return checkRecordRoute(p, len, offset, found);
    case IPOPT_TIMESTAMP:
      return checkTimestamp(p, len, offset, found);
    case IPOPT_RA: {
      if (len < 4) return 1;
      // "0 - Router shall examine packet. 1-65535 - Reserved" (RFC 2113 2.1)
      if (load<u16>(p, 2) === 0) found.routerAlert = offset;
      return -1;
    }
    case IPOPT_CIPSO: {
      if (found.cipso !== 0) return 0;
      found.cipso = offset;
      return -1;
    }
    default:
      return -1;
  }
}

function checkRecordRoute(p: usize, len: u32, offset: u32, found: IpOptions): i32 {
  if (found.rr !== 0) return 0;
  if (len < 3) return 1;
  const pointer = <u32>load<u8>(p, 2);
  if (pointer < IPOPT_MINOFF) return 2;
  if (pointer <= len) {
    if (pointer + 3 > len) return 2;
    found.rrNeedaddr = 1;
  }
  found.rr = offset;
  return -1;
}

function checkTimestamp(p: usize, len: u32, offset: u32, found: IpOptions): i32 {
  if (found.ts !== 0) return 0;
  if (len < 4) return 1;
  const pointer = <u32>load<u8>(p, 2);
  if (pointer < 5) return 2;
  const overflow = <u32>load<u8>(p, 3) >> 4;
  const flag = <u32>load<u8>(p, 3) & 15;
  if (pointer > len) {
    if (flag !== IPOPT_TS_PRESPEC) {
      // "If ... the overflow count itself overflows, the original datagram is considered to be in error" (RFC 791)
      if (overflow === 15) return 3;
      found.tsOverflow = 1;
    }
    found.ts = offset;
    return -1;
  }
  if (pointer + 3 > len) return 2;
  if (flag === IPOPT_TS_TSONLY) {
    found.tsNeedtime = 1;
  } else if (flag === IPOPT_TS_TSANDADDR) {
    if (pointer + 7 > len) return 2;
    found.tsNeedtime = 1;
    found.tsNeedaddr = 1;
  } else if (flag === IPOPT_TS_PRESPEC) {
    if (pointer + 7 > len) return 2;
    found.tsPrespec = 1;
    found.tsPrespecAddrBe = load<u32>(p + pointer - 1);
  }
  found.ts = offset;
  return -1;
}

/**
 * Makes the changes that the checked options of the header at `iph` ask for on receipt: records `addrBe` (network
 * order; the output address replaces it when the packet is forwarded) and the time `timeMs` (since midnight UT),
 * moves the pointers, counts an overflow, and clears what stands behind END. `prespecOurs`: tsPrespecAddrBe is one
 * of our addresses. Returns whether the header changed, so that its checksum must be made anew.
 */
export function ipv4OptionsStamp(
  iph: usize,
  options: IpOptions,
  addrBe: u32,
  timeMs: u32,
  prespecOurs: bool,
): bool {
  let changed = clearBehindEnd(iph, options);
  if (options.rrNeedaddr !== 0) {
    const rr = iph + options.rr;
    const pointer = <u32>load<u8>(rr, 2);
    store<u32>(rr + pointer - 1, addrBe);
    store<u8>(rr, <u8>(pointer + 4), 2);
    changed = true;
  }
  if (options.ts === 0) return changed;
  const ts = iph + options.ts;
  if (options.tsOverflow !== 0) {
    store<u8>(ts, load<u8>(ts, 3) + 0x10, 3);
    return true;
  }
  const pointer = <u32>load<u8>(ts, 2);
  let timeAt = pointer - 1;
  if (options.tsPrespec !== 0) {
    if (!prespecOurs) return changed;
    options.tsNeedtime = 1;
    timeAt += 4;
  } else if (options.tsNeedaddr !== 0) {
    store<u32>(ts + timeAt, addrBe);
    timeAt += 4;
  } else if (options.tsNeedtime === 0) {
    return changed;
  }
  store<u32>(ts + timeAt, bswap<u32>(timeMs));
  store<u8>(ts, <u8>(timeAt + 5), 2);
  return true;
}

function clearBehindEnd(iph: usize, options: IpOptions): bool {
  const stop = IPV4_HDR_LEN + options.optlen;
  let changed = false;
  for (let at = options.end; at < stop; at++) {
    if (load<u8>(iph + at) === 0) continue;
    store<u8>(iph + at, 0);
    changed = true;
  }
  return changed;
}

/** On forwarding: the address of the outgoing interface (network order) replaces the one recorded on receipt. */
export function ipv4OptionsForward(iph: usize, options: IpOptions, addrBe: u32): void {
  if (options.rrNeedaddr !== 0) {
    const rr = iph + options.rr;
    store<u32>(rr + <u32>load<u8>(rr, 2) - 5, addrBe);
  }
  if (options.tsNeedaddr !== 0) {
    const ts = iph + options.ts;
    store<u32>(ts + <u32>load<u8>(ts, 2) - 9, addrBe);
  }
}

/** For fragments behind the first: options without the copy bit become NOOPs (RFC 791 3.1, "copied flag"). */
export function ipv4OptionsFragment(opts: usize, len: u32): void {
  let pos: u32 = 0;
  while (pos < len) {
    const type = <u32>load<u8>(opts + pos);
    const next = ipv4OptNext(opts, len, pos);
    if (next < 0 || type === IPOPT_END) return;
    if ((type & IPOPT_COPY) === 0) memory.fill(opts + pos, <u8>IPOPT_NOOP, next - pos);
    pos = next;
  }
}
