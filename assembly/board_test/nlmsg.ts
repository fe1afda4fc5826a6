/**
 * Writes netlink messages into an NFNL_MSG request: begin() ... message() ... attributes ... end(). Numbers of
 * nf_tables are big-endian.
 */
import { NFNL_SUBSYS_NFTABLES, NfnlRec, NLA_F_NESTED, NlMsgHdr, NLM_F_REQUEST } from '../abi/nfnl';
import { MsgType } from '../abi/request';
import { lab } from './lab';
import { msg, send } from './message';

const BODY: u32 = 12288;
/** Answers are written over the question; the rest of the request area is left alone. */
const HEAD: u32 = 16;

function base(): usize {
  return lab().requestArea + HEAD;
}

export function nlBegin(): void {
  const l = lab();
  const body = msg(MsgType.NFNL_MSG, BODY);
  store<u32>(body, l.net, NfnlRec.NET);
  l.nl = body + NfnlRec.DATA;
}
export function nlSend(): i32 {
  const body = base();
  store<u32>(body, <u32>(lab().nl - body) - NfnlRec.DATA, NfnlRec.BYTES);
  return send();
}

/** Ends the message that began at `at` with its length. */
export function nlEnd(at: usize): void {
  store<u32>(at, <u32>(lab().nl - at), NlMsgHdr.LEN);
}
/** Of `type`, complete with subsystem. */
export function nlMessage(type: u32, flags: u32, family: u8, resId: u16): usize {
  const at = lab().nl;
  store<u32>(at, 0, NlMsgHdr.LEN);
  store<u16>(at, <u16>type, NlMsgHdr.TYPE);
  store<u16>(at, <u16>(flags | NLM_F_REQUEST), NlMsgHdr.FLAGS);
  store<u32>(at, 1, NlMsgHdr.SEQ);
  store<u32>(at, 0, NlMsgHdr.PID);
  store<u8>(at, family, NlMsgHdr.SIZE);
  store<u8>(at, 0, NlMsgHdr.SIZE + 1);
  store<u16>(at, bswap<u16>(resId), NlMsgHdr.SIZE + 2);
  lab().nl = at + NlMsgHdr.SIZE + 4;
  return at;
}
export function nftMessage(type: u32, flags: u32, family: u8): usize {
  return nlMessage((NFNL_SUBSYS_NFTABLES << 8) | type, flags, family, 0);
}

export function nest(type: u32): usize {
  const at = lab().nl;
  store<u16>(at, <u16>(type | NLA_F_NESTED), 2);
  lab().nl = at + 4;
  return at;
}
export function nestEnd(at: usize): void {
  store<u16>(at, <u16>(lab().nl - at));
}

function attribute(type: u32, len: u32): usize {
  const at = lab().nl;
  store<u16>(at, <u16>(4 + len));
  store<u16>(at, <u16>type, 2);
  const data = at + 4;
  const padded = (len + 3) & ~3;
  memory.fill(data, 0, padded);
  lab().nl = data + padded;
  return data;
}
/** A number, big-endian. */
export function nlaU32(type: u32, value: u32): void {
  store<u32>(attribute(type, 4), bswap<u32>(value));
}
export function nlaU64(type: u32, value: u64): void {
  store<u64>(attribute(type, 8), bswap<u64>(value));
}
export function nlaU16(type: u32, value: u16): void {
  store<u16>(attribute(type, 2), bswap<u16>(value));
}
export function nlaU8(type: u32, value: u8): void {
  store<u8>(attribute(type, 1), value);
}
/** Bytes as they are; returns where, to be filled when `from` is 0. */
export function nlaBytes(type: u32, from: usize, len: u32): usize {
  const at = attribute(type, len);
  if (from !== 0) memory.copy(at, from, len);
  return at;
}
/** A name of up to four letters, from the first in the lowest byte. */
export function nlaName(type: u32, letters: u32): void {
  const at = attribute(type, 5);
  store<u32>(at, letters);
}
