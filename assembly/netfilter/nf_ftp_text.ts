/**
 * What FTP says of its data connections (RFC 959 §4.1.2, RFC 2428), read and written. Linux: nf_conntrack_ftp.c,
 * nf_nat_ftp.c.
 *
 *   PORT h1,h2,h3,h4,p1,p2        227 ... (h1,h2,h3,h4,p1,p2)
 *   EPRT |1|132.235.1.2|6275|     229 ... (|||6446|)
 */
import { AF_INET, AF_INET6 } from '../net/net';

/** What was read: the address (16 bytes, network order) and port (host order), and where the text of it stands. */
@unmanaged
@final
export class FtpCmd {
  addr0: u64;
  addr1: u64;
  port: u32;
  at: u32;
  len: u32;
  l3num: u32;
}

const COMMA: u32 = 0x2c;
const DOT: u32 = 0x2e;
const COLON: u32 = 0x3a;

function isDigit(c: u32): bool {
  return c >= 0x30 && c <= 0x39;
}

/**
 * `count` numbers with `separator` between them and `end` behind (0: anything); the last goes to the low bits of the
 * result's place. Bytes read, 0: it is no such text. `out` takes u32[count].
 */
function numbers(p: usize, len: u32, out: usize, count: u32, separator: u32, end: u32): u32 {
  memory.fill(out, 0, count << 2);
  let i: u32 = 0;
  for (let at: u32 = 0; at < len; at++) {
    const c = <u32>load<u8>(p + at);
    const slot = out + (i << 2);
    if (isDigit(c)) {
      store<u32>(slot, load<u32>(slot) * 10 + c - 0x30);
    } else if (c === separator) {
      if (++i === count) return 0;
    } else {
      return (c === end || end === 0) && i === count - 1 ? at : 0;
    }
  }
  return 0;
}

/** h1,h2,h3,h4,p1,p2 */
export function ftpReadPort(p: usize, len: u32, cmd: FtpCmd, end: u32, work: usize): u32 {
  const n = numbers(p, len, work, 6, COMMA, end);
  if (n === 0) return 0;
  let addr: u32 = 0;
  for (let i: u32 = 0; i < 4; i++) addr |= (load<u32>(work + (i << 2)) & 0xff) << (i << 3);
  cmd.addr0 = addr;
  cmd.addr1 = 0;
  cmd.port = ((load<u32>(work, 16) << 8) | load<u32>(work, 20)) & 0xffff;
  return n;
}

/** The same, behind whatever a server says before it. `cmd.at` moves to its begin. */
export function ftpReadPasv(p: usize, len: u32, cmd: FtpCmd, work: usize): u32 {
  let i: u32 = 0;
  while (i < len && !isDigit(load<u8>(p + i))) i++;
  if (i === len) return 0;
  cmd.at += i;
  return ftpReadPort(p + i, len - i, cmd, 0, work);
}

/** A port up to `delim`; the place behind that, 0: none. */
function portUpTo(p: usize, from: u32, len: u32, delim: u32, cmd: FtpCmd): u32 {
  let port: u32 = 0;
  for (let at = from; at < len; at++) {
    const c = <u32>load<u8>(p + at);
    if (c === delim) {
      if (port === 0) return 0;
      cmd.port = port & 0xffff;
      return at + 1;
    }
    if (!isDigit(c)) return 0;
    port = port * 10 + c - 0x30;
  }
  return 0;
}

function delimiterOk(c: u32): bool {
  return !isDigit(c) && c >= 33 && c <= 126;
}

/** |1|address|port| or |2|address|port| */
export function ftpReadEprt(p: usize, len: u32, cmd: FtpCmd, work: usize): u32 {
  if (len <= 3) return 0;
  const delim = <u32>load<u8>(p);
  if (!delimiterOk(delim) || <u32>load<u8>(p, 2) !== delim) return 0;
  const family = <u32>load<u8>(p, 1);
  if (cmd.l3num === AF_INET && family !== 0x31) return 0;
  if (cmd.l3num === AF_INET6 && family !== 0x32) return 0;
  let n: u32 = 0;
  if (family === 0x31) {
    n = numbers(p + 3, len - 3, work, 4, DOT, delim);
    if (n === 0) return 0;
    let addr: u32 = 0;
    for (let i: u32 = 0; i < 4; i++) addr |= (load<u32>(work + (i << 2)) & 0xff) << (i << 3);
    cmd.addr0 = addr;
    cmd.addr1 = 0;
  } else {
    n = readIpv6(p + 3, len - 3, delim, cmd, work);
    if (n === 0) return 0;
  }
  return portUpTo(p, 3 + n + 1, len, delim, cmd);
}

/** |||port| */
export function ftpReadEpsv(p: usize, len: u32, cmd: FtpCmd): u32 {
  if (len <= 3) return 0;
  const delim = <u32>load<u8>(p);
  if (!delimiterOk(delim) || <u32>load<u8>(p, 1) !== delim || <u32>load<u8>(p, 2) !== delim) return 0;
  return portUpTo(p, 3, len, delim, cmd);
}

function hexDigit(c: u32): i32 {
  if (isDigit(c)) return c - 0x30;
  const lower = c | 0x20;
  return lower >= 0x61 && lower <= 0x66 ? lower - 0x57 : -1;
}

/** RFC 4291 §2.2, up to `delim`: groups of hexadecimal digits, one :: at most. Bytes read, 0: it is none. */
function readIpv6(p: usize, len: u32, delim: u32, cmd: FtpCmd, work: usize): u32 {
  memory.fill(work, 0, 16);
  let groups: u32 = 0;
  let gap: i32 = -1;
  let at: u32 = 0;
  while (at < len && <u32>load<u8>(p + at) !== delim) {
    if (<u32>load<u8>(p + at) === COLON) {
      if (at + 1 < len && <u32>load<u8>(p + at + 1) === COLON) {
        if (gap >= 0) return 0;
        gap = groups;
        at += 2;
        continue;
      }
      if (groups === 0) return 0;
      at++;
    }
    let value: u32 = 0;
    let digits: u32 = 0;
    while (at < len && digits < 5 && hexDigit(load<u8>(p + at)) >= 0) {
      value = (value << 4) | <u32>hexDigit(load<u8>(p + at));
      digits++;
      at++;
    }
    if (digits === 0 || digits > 4 || groups === 8) return 0;
    store<u16>(work + (groups++ << 1), bswap<u16>(<u16>value));
  }
  if (at === len || (gap < 0 && groups !== 8) || (gap >= 0 && groups === 8)) return 0;
  if (gap >= 0) {
    const behind = groups - <u32>gap;
    memory.copy(work + 16 - (behind << 1), work + ((<u32>gap) << 1), behind << 1);
    memory.fill(work + ((<u32>gap) << 1), 0, (8 - groups) << 1);
  }
  cmd.addr0 = load<u64>(work);
  cmd.addr1 = load<u64>(work, 8);
  return at;
}

/** Decimal digits of `value` at `to`; returns how many. */
export function putDecimal(to: usize, value: u32): u32 {
  let digits: u32 = 1;
  for (let v = value; v >= 10; v /= 10) digits++;
  let v = value;
  for (let i = digits; i > 0; i--) {
    store<u8>(to + i - 1, <u8>(0x30 + (v % 10)));
    v /= 10;
  }
  return digits;
}

function putHex4(to: usize, value: u32): u32 {
  for (let i: u32 = 0; i < 4; i++) {
    const d = (value >> ((3 - i) << 2)) & 15;
    store<u8>(to + i, <u8>(d < 10 ? 0x30 + d : 0x57 + d));
  }
  return 4;
}

/** h1,h2,h3,h4,p1,p2 of the address at `addr`; returns its length. */
export function ftpPutPort(to: usize, addr: usize, port: u32): u32 {
  let n: u32 = 0;
  for (let i: u32 = 0; i < 4; i++) {
    n += putDecimal(to + n, load<u8>(addr + i));
    store<u8>(to + n++, <u8>COMMA);
  }
  n += putDecimal(to + n, port >> 8);
  store<u8>(to + n++, <u8>COMMA);
  return n + putDecimal(to + n, port & 0xff);
}

/** |1|address|port| or |2|address|port| */
export function ftpPutEprt(to: usize, addr: usize, v4: bool, port: u32): u32 {
  const bar: u8 = 0x7c;
  store<u8>(to, bar);
  store<u8>(to, v4 ? 0x31 : 0x32, 1);
  store<u8>(to, bar, 2);
  let n: u32 = 3;
  if (v4) {
    for (let i: u32 = 0; i < 4; i++) {
      if (i !== 0) store<u8>(to + n++, <u8>DOT);
      n += putDecimal(to + n, load<u8>(addr + i));
    }
  } else {
    for (let i: u32 = 0; i < 8; i++) {
      if (i !== 0) store<u8>(to + n++, <u8>COLON);
      n += putHex4(to + n, bswap<u16>(load<u16>(addr + (i << 1))));
    }
  }
  store<u8>(to + n++, bar);
  n += putDecimal(to + n, port);
  store<u8>(to + n++, bar);
  return n;
}

/** |||port| */
export function ftpPutEpsv(to: usize, port: u32): u32 {
  store<u8>(to, 0x7c);
  store<u8>(to, 0x7c, 1);
  store<u8>(to, 0x7c, 2);
  const n = 3 + putDecimal(to + 3, port);
  store<u8>(to + n, 0x7c);
  return n + 1;
}
