/**
 * Netlink attributes read and written in the core. What a stranger sent is checked here once: nlaParse puts the
 * addresses of attributes that fit their policy into a table by type, and every getter may then load. As Linux does
 * for netfilter (nla_parse_deprecated): attributes beyond the highest type are passed over, of two of one type the
 * last counts, one longer than its number is taken, a shorter one refused. Linux: lib/nlattr.c.
 *
 *   tb: u32 address[max + 1] ─► { len, type, value ... }        policy: { u8 NlaType, u8 length } a type, from 0 on
 */
import { NLA_F_NESTED, NLA_HDRLEN, NLA_TYPE_MASK } from '../abi/nfnl';
import { Errno } from '../net/errno';

/** What a policy says of an attribute; the length beside it is that of BINARY and STRING at most. */
export enum NlaType {
  UNSPEC = 0,
  U8 = 1,
  U16 = 2,
  U32 = 3,
  U64 = 4,
  /** With its NUL, or without; LEN 255 stands for 255 characters. */
  STRING = 5,
  NESTED = 6,
  BINARY = 7,
}

/** Length of the value. */
export function nlaLen(nla: usize): u32 {
  return <u32>load<u16>(nla) - NLA_HDRLEN;
}

export function nlaData(nla: usize): usize {
  return nla + NLA_HDRLEN;
}

export function nlaType(nla: usize): u32 {
  return load<u16>(nla, 2) & NLA_TYPE_MASK;
}

/** True while an attribute stands at `at`, of `left` bytes. */
export function nlaOk(at: usize, left: u32): bool {
  if (left < NLA_HDRLEN) return false;
  const len = <u32>load<u16>(at);
  return len >= NLA_HDRLEN && len <= left;
}

/** Bytes from this attribute to the next, of which `left` are there. */
export function nlaStep(at: usize, left: u32): u32 {
  return min((<u32>load<u16>(at) + 3) & ~3, left);
}

/** Fills tb[0..max] from the attributes in `len` bytes at `ptr`. 0, -EINVAL or -ERANGE. */
export function nlaParse(tb: usize, max: u32, ptr: usize, len: u32, policy: usize): i32 {
  memory.fill(tb, 0, (max + 1) << 2);
  let at = ptr;
  let left = len;
  while (nlaOk(at, left)) {
    const type = nlaType(at);
    if (type !== 0 && type <= max) {
      const err = validate(at, load<u8>(policy + (type << 1)), load<u8>(policy + (type << 1), 1));
      if (err !== 0) return err;
      store<u32>(tb + (type << 2), at);
    }
    const step = nlaStep(at, left);
    at += step;
    left -= step;
  }
  return 0;
}

export function nlaParseNested(tb: usize, max: u32, nla: usize, policy: usize): i32 {
  return nlaParse(tb, max, nlaData(nla), nlaLen(nla), policy);
}

function validate(nla: usize, type: u32, most: u32): i32 {
  const len = nlaLen(nla);
  switch (type) {
    case NlaType.U8:
      return len < 1 ? -Errno.ERANGE : 0;
    case NlaType.U16:
      return len < 2 ? -Errno.ERANGE : 0;
    case NlaType.U32:
      return len < 4 ? -Errno.ERANGE : 0;
    case NlaType.U64:
      return len < 8 ? -Errno.ERANGE : 0;
    case NlaType.NESTED:
      return len !== 0 && len < NLA_HDRLEN ? -Errno.ERANGE : 0;
    case NlaType.BINARY:
      // 255: no bound that a byte can hold.
      return most !== 0 && most !== 255 && len > most ? -Errno.ERANGE : 0;
    case NlaType.STRING: {
      if (len < 1) return -Errno.ERANGE;
      return nlaStrlen(nla) > most && most !== 0 ? -Errno.ERANGE : 0;
    }
  }
  return 0;
}

/** Length of a text: up to its end, or to a NUL at its end. */
export function nlaStrlen(nla: usize): u32 {
  const len = nlaLen(nla);
  const p = nlaData(nla);
  let n: u32 = 0;
  while (n < len && load<u8>(p + n) !== 0) n++;
  return n;
}

/** The attribute of `type`, or 0. */
export function tbGet(tb: usize, type: u32): usize {
  return load<u32>(tb + (type << 2));
}

export function nlaU8(nla: usize): u32 {
  return load<u8>(nla, NLA_HDRLEN);
}

export function nlaBe16(nla: usize): u32 {
  return bswap<u16>(load<u16>(nla, NLA_HDRLEN));
}

export function nlaBe32(nla: usize): u32 {
  return bswap<u32>(load<u32>(nla, NLA_HDRLEN));
}

export function nlaBe64(nla: usize): u64 {
  return bswap<u64>(load<u64>(nla, NLA_HDRLEN));
}

/** Where messages are written: `at` grows, and nothing is written behind `end`; `full` says that something was not. */
@unmanaged
@final
export class NlOut {
  begin: usize;
  at: usize;
  end: usize;
  full: u32;
}

/** Room for an attribute with `len` bytes of value, its header written and padding zeroed; 0 when there is none. */
export function nlaReserve(out: NlOut, type: u32, len: u32): usize {
  const size = (NLA_HDRLEN + len + 3) & ~3;
  if (out.end - out.at < size || len > 0xffff - NLA_HDRLEN) {
    out.full = 1;
    return 0;
  }
  const p = out.at;
  store<u32>(p + size - 4, 0);
  store<u16>(p, <u16>(NLA_HDRLEN + len));
  store<u16>(p, <u16>type, 2);
  out.at = p + size;
  return p + NLA_HDRLEN;
}

export function nlaPut(out: NlOut, type: u32, ptr: usize, len: u32): void {
  const p = nlaReserve(out, type, len);
  if (p !== 0) memory.copy(p, ptr, len);
}

/** Text of `len` bytes at `ptr`, and its NUL. */
export function nlaPutString(out: NlOut, type: u32, ptr: usize, len: u32): void {
  const p = nlaReserve(out, type, len + 1);
  if (p === 0) return;
  memory.copy(p, ptr, len);
  store<u8>(p + len, 0);
}

export function nlaPutU8(out: NlOut, type: u32, value: u32): void {
  const p = nlaReserve(out, type, 1);
  if (p !== 0) store<u8>(p, <u8>value);
}

export function nlaPutBe16(out: NlOut, type: u32, value: u32): void {
  const p = nlaReserve(out, type, 2);
  if (p !== 0) store<u16>(p, bswap<u16>(<u16>value));
}

export function nlaPutBe32(out: NlOut, type: u32, value: u32): void {
  const p = nlaReserve(out, type, 4);
  if (p !== 0) store<u32>(p, bswap<u32>(value));
}

export function nlaPutBe64(out: NlOut, type: u32, value: u64): void {
  const p = nlaReserve(out, type, 8);
  if (p !== 0) store<u64>(p, bswap<u64>(value));
}

/** Begins an attribute that nests others; nlaNestEnd with what it returns ends it. nf_tables sets no NLA_F_NESTED. */
export function nlaNestStart(out: NlOut, type: u32): usize {
  const p = nlaReserve(out, type, 0);
  return p === 0 ? 0 : p - NLA_HDRLEN;
}

/** The same with NLA_F_NESTED (conntrack). */
export function nlaNestStartFlagged(out: NlOut, type: u32): usize {
  return nlaNestStart(out, type | NLA_F_NESTED);
}

export function nlaNestEnd(out: NlOut, nest: usize): void {
  if (nest === 0) return;
  if (out.at - nest > 0xffff) out.full = 1;
  else store<u16>(nest, <u16>(out.at - nest));
}

/** As if it had never been begun. */
export function nlaNestCancel(out: NlOut, nest: usize): void {
  if (nest !== 0) out.at = nest;
}
