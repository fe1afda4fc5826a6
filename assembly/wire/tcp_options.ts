/**
 * TCP options (RFC 9293 3.2; window scale and timestamps RFC 7323; SACK RFC 2018; fast open RFC 7413).
 *
 *   END 0 · NOP 1 · MSS 2,4,mss(2) · WINDOW 3,3,shift · SACK_PERM 4,2 · SACK 5,2+8n,(left(4) right(4)) x n
 *   TIMESTAMP 8,10,tsval(4),tsecr(4) · MD5 19,18 · AO 29 · FASTOPEN 34,2+cookie
 *
 * A wrong length ends the parse; what was read before it stands, as in Linux (net/ipv4/tcp_input.c).
 */
import { WIRE_OK, WIRE_OPTION } from './check';

export const TCPOPT_EOL: u32 = 0;
export const TCPOPT_NOP: u32 = 1;
export const TCPOPT_MSS: u32 = 2;
export const TCPOPT_WINDOW: u32 = 3;
export const TCPOPT_SACK_PERM: u32 = 4;
export const TCPOPT_SACK: u32 = 5;
export const TCPOPT_TIMESTAMP: u32 = 8;
export const TCPOPT_MD5SIG: u32 = 19;
export const TCPOPT_AO: u32 = 29;
export const TCPOPT_FASTOPEN: u32 = 34;

export const TCPOLEN_MSS: u32 = 4;
export const TCPOLEN_WINDOW: u32 = 3;
export const TCPOLEN_SACK_PERM: u32 = 2;
export const TCPOLEN_SACK_BASE: u32 = 2;
export const TCPOLEN_SACK_PERBLOCK: u32 = 8;
export const TCPOLEN_TIMESTAMP: u32 = 10;
export const TCPOLEN_MD5SIG: u32 = 18;
export const TCP_MAX_WSCALE: u32 = 14;
export const TCP_MAX_SACKS: u32 = 4;
export const TCP_OPT_MAX_LEN: u32 = 40;

/** Bits of TcpOptions.saw. */
export const TCP_SAW_MSS: u32 = 1;
export const TCP_SAW_WSCALE: u32 = 2;
export const TCP_SAW_SACK_PERM: u32 = 4;
export const TCP_SAW_TSTAMP: u32 = 8;
export const TCP_SAW_SACK: u32 = 16;
export const TCP_SAW_FASTOPEN: u32 = 32;
export const TCP_SAW_MD5: u32 = 64;
export const TCP_SAW_AO: u32 = 128;

/** What a segment's options said, or what they shall say; a field counts only when its bit of `saw` is set. */
@unmanaged
@final
export class TcpOptions {
  saw: u32;
  mss: u32;
  /** TCP_MAX_WSCALE at most: a larger shift is used as 14 (RFC 7323 2.3). */
  wscale: u32;
  sackOk: u32;
  tsval: u32;
  tsecr: u32;
  /** Address and number of SACK blocks, each left and right edge in network order. */
  sackPtr: usize;
  sackCount: u32;
  /** Fast open cookie; a length of 0 asks for one. */
  cookiePtr: usize;
  cookieLen: u32;
}

export const TCP_OPTIONS_BYTES: u32 = offsetof<TcpOptions>();

/** The position behind the option at `pos`; `len` behind EOL; -1 when the option does not fit. */
export function tcpOptNext(opts: usize, len: u32, pos: u32): i32 {
  if (pos >= len) return -1;
  const kind = <u32>load<u8>(opts + pos);
  if (kind === TCPOPT_EOL) return len;
  if (kind === TCPOPT_NOP) return pos + 1;
  if (len - pos < 2) return -1;
  const opsize = <u32>load<u8>(opts + pos, 1);
  if (opsize < 2 || opsize > len - pos) return -1;
  return pos + opsize;
}

/**
 * Fills the TcpOptions at `outPtr`. MSS, window scale and SACK permitted count in a segment with SYN only. An option
 * of a known kind with a wrong length is passed over. WIRE_OPTION when the options ended in one that does not fit.
 */
export function parseTcpOptions(opts: usize, len: u32, syn: bool, outPtr: usize): i32 {
  memory.fill(outPtr, 0, TCP_OPTIONS_BYTES);
  const out = changetype<TcpOptions>(outPtr);
  let pos: u32 = 0;
  while (pos < len) {
    const next = tcpOptNext(opts, len, pos);
    if (next < 0) return WIRE_OPTION;
    const kind = <u32>load<u8>(opts + pos);
    if (kind === TCPOPT_EOL) return WIRE_OK;
    if (kind !== TCPOPT_NOP) parseOption(kind, opts + pos, next - pos, syn, out);
    pos = next;
  }
  return WIRE_OK;
}

function parseOption(kind: u32, p: usize, opsize: u32, syn: bool, out: TcpOptions): void {
  switch (kind) {
    case TCPOPT_MSS: {
      if (opsize !== TCPOLEN_MSS || !syn) return;
      const mss = <u32>bswap<u16>(load<u16>(p, 2));
      if (mss === 0) return;
      out.mss = mss;
      out.saw |= TCP_SAW_MSS;
      return;
    }
    case TCPOPT_WINDOW: {
      if (opsize !== TCPOLEN_WINDOW || !syn) return;
      out.wscale = min<u32>(load<u8>(p, 2), TCP_MAX_WSCALE);
      out.saw |= TCP_SAW_WSCALE;
      return;
    }
    case TCPOPT_SACK_PERM: {
      if (opsize !== TCPOLEN_SACK_PERM || !syn) return;
      out.sackOk = 1;
      out.saw |= TCP_SAW_SACK_PERM;
      return;
    }
    case TCPOPT_SACK: {
      const bytes = opsize - TCPOLEN_SACK_BASE;
      if (bytes === 0 || (bytes & 7) !== 0) return;
      out.sackPtr = p + TCPOLEN_SACK_BASE;
      out.sackCount = bytes >> 3;
      out.saw |= TCP_SAW_SACK;
      return;
    }
    case TCPOPT_TIMESTAMP: {
      if (opsize !== TCPOLEN_TIMESTAMP) return;
      out.tsval = bswap<u32>(load<u32>(p, 2));
      out.tsecr = bswap<u32>(load<u32>(p, 6));
      out.saw |= TCP_SAW_TSTAMP;
      return;
    }
    case TCPOPT_FASTOPEN: {
      // "the option length is 6 to 18 and even, or 2 to request a cookie" (RFC 7413 4.1.1)
      if (!syn || (opsize & 1) !== 0 || opsize > 18 || opsize === 4) return;
      out.cookiePtr = p + 2;
      out.cookieLen = opsize - 2;
      out.saw |= TCP_SAW_FASTOPEN;
      return;
    }
    case TCPOPT_MD5SIG: {
      if (opsize === TCPOLEN_MD5SIG) out.saw |= TCP_SAW_MD5;
      return;
    }
    case TCPOPT_AO: {
      if (opsize >= 4) out.saw |= TCP_SAW_AO;
      return;
    }
  }
}

/** Left edge of SACK block `i` (below sackCount), host order. */
export function tcpSackLeft(options: TcpOptions, i: u32): u32 {
  return bswap<u32>(load<u32>(options.sackPtr + (i << 3)));
}

export function tcpSackRight(options: TcpOptions, i: u32): u32 {
  return bswap<u32>(load<u32>(options.sackPtr + (i << 3), 4));
}

/** Bytes that emitTcpOptions would write: a multiple of 4. */
export function tcpOptionsLen(options: TcpOptions): u32 {
  const saw = options.saw;
  let len: u32 = 0;
  if ((saw & TCP_SAW_MSS) !== 0) len += 4;
  if ((saw & TCP_SAW_TSTAMP) !== 0) len += 12;
  else if ((saw & TCP_SAW_SACK_PERM) !== 0) len += 4;
  if ((saw & TCP_SAW_WSCALE) !== 0) len += 4;
  if ((saw & TCP_SAW_FASTOPEN) !== 0) len += (options.cookieLen + 2 + 3) & ~3;
  if ((saw & TCP_SAW_SACK) !== 0) len += 4 + (options.sackCount << 3);
  return len;
}

/**
 * Writes the options in Linux's order, padded with NOPs; SACK permitted takes the place of the two NOPs in front of
 * the timestamps. Returns their length. The caller sees to it that tcpOptionsLen is at most TCP_OPT_MAX_LEN.
 */
export function emitTcpOptions(p: usize, options: TcpOptions): u32 {
  const saw = options.saw;
  let at = p;
  if ((saw & TCP_SAW_MSS) !== 0) at = emitWord(at, 0x02040000 | (options.mss & 0xffff));
  const sackPerm = (saw & TCP_SAW_SACK_PERM) !== 0;
  if ((saw & TCP_SAW_TSTAMP) !== 0) {
    at = emitWord(at, sackPerm ? 0x0402080a : 0x0101080a);
    at = emitWord(at, options.tsval);
    at = emitWord(at, options.tsecr);
  } else if (sackPerm) {
    at = emitWord(at, 0x01010402);
  }
  if ((saw & TCP_SAW_WSCALE) !== 0) at = emitWord(at, 0x01030300 | (options.wscale & 0xff));
  if ((saw & TCP_SAW_SACK) !== 0) {
    const bytes = options.sackCount << 3;
    at = emitWord(at, 0x01010500 | (bytes + TCPOLEN_SACK_BASE));
    memory.copy(at, options.sackPtr, bytes);
    at += bytes;
  }
  if ((saw & TCP_SAW_FASTOPEN) !== 0) {
    const opsize = options.cookieLen + 2;
    store<u8>(at, <u8>TCPOPT_FASTOPEN);
    store<u8>(at, <u8>opsize, 1);
    memory.copy(at + 2, options.cookiePtr, options.cookieLen);
    at += opsize;
    for (; ((at - p) & 3) !== 0; at++) store<u8>(at, <u8>TCPOPT_NOP);
  }
  return at - p;
}

function emitWord(at: usize, word: u32): usize {
  store<u32>(at, bswap<u32>(word));
  return at + 4;
}
