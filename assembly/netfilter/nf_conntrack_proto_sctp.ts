/**
 * SCTP (RFC 9260): an association by its chunks and verification tags. Linux: nf_conntrack_proto_sctp.c.
 *
 *   sNO none  sCL closed  sCW cookie wait  sCE cookie echoed  sES established  sSS shutdown sent  sSR shutdown received
 *   sSA shutdown ack sent  sHS heartbeat sent (another path of an association that was never seen to begin)
 */
import { CtInvalid, IPCT_ASSURED, IPCT_PROTOINFO } from '../abi/nf_conntrack';
import { Sysctl } from '../abi/sysctl';
import { NF_ACCEPT } from '../net/hooks';
import { Net } from '../net/net';
import { SkBuff } from '../skb/sk_buff';
import { pskbMayPull } from '../skb/skbuff';
import { IPS_ASSURED, IPS_CONFIRMED, NfConn, ctDir, nfCtTimeoutSysctl, nfProtoState } from './nf_conntrack';
import { nfCtRefreshAcct } from './nf_conntrack_acct';
import { nfCtEventCache } from './nf_conntrack_ecache';
import { nfCtLogInvalid } from './nf_conntrack_proto';
import { nfCtPolicyTimeout } from './nf_conntrack_timeout';
import { IPPROTO_SCTP } from './nf_conntrack_tuple';

export const SCTP_HDR_LEN: u32 = 12;
const CHUNK_HDR_LEN: u32 = 4;

export const SCTP_CONNTRACK_NONE: u32 = 0;
const SCTP_CONNTRACK_CLOSED: u32 = 1;
const SCTP_CONNTRACK_COOKIE_WAIT: u32 = 2;
const SCTP_CONNTRACK_COOKIE_ECHOED: u32 = 3;
const SCTP_CONNTRACK_ESTABLISHED: u32 = 4;
const SCTP_CONNTRACK_SHUTDOWN_SENT: u32 = 5;
const SCTP_CONNTRACK_SHUTDOWN_ACK_SENT: u32 = 7;
const SCTP_CONNTRACK_HEARTBEAT_SENT: u32 = 8;
const SCTP_CONNTRACK_MAX: u32 = 9;

const SCTP_CID_DATA: u32 = 0;
const SCTP_CID_INIT: u32 = 1;
const SCTP_CID_INIT_ACK: u32 = 2;
const SCTP_CID_HEARTBEAT: u32 = 4;
const SCTP_CID_HEARTBEAT_ACK: u32 = 5;
const SCTP_CID_ABORT: u32 = 6;
const SCTP_CID_SHUTDOWN_ACK: u32 = 8;
const SCTP_CID_COOKIE_ECHO: u32 = 10;
const SCTP_CID_COOKIE_ACK: u32 = 11;
const SCTP_CID_SHUTDOWN_COMPLETE: u32 = 14;

/** Row of a chunk type, 255: it moves nothing. */
const ROWS = memory.data<u8>([255, 0, 1, 255, 9, 10, 2, 3, 4, 5, 6, 7, 255, 255, 8]);
const ROW_COUNT: u32 = 11;

// Rows: INIT, INIT ACK, ABORT, SHUTDOWN, SHUTDOWN ACK, ERROR, COOKIE ECHO, COOKIE ACK, SHUTDOWN COMPLETE, HEARTBEAT,
// HEARTBEAT ACK. 9: invalid.
const TRANSITIONS = memory.data<u8>([
  1, 1, 2, 3, 4, 1, 1, 7, 2, 1, 1, 2, 3, 4, 5, 6, 7, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 2, 3, 5, 5, 6, 7, 1,
  7, 1, 2, 3, 4, 7, 7, 7, 7, 1, 1, 2, 3, 4, 5, 6, 7, 1, 1, 1, 3, 3, 4, 5, 6, 7, 1, 1, 1, 2, 4, 4, 5, 6, 7, 1,
  1, 1, 2, 3, 4, 5, 6, 1, 1, 8, 1, 2, 3, 4, 5, 6, 7, 8, 1, 1, 2, 3, 4, 5, 6, 7, 8,
  // from who was asked
  9, 1, 2, 3, 4, 5, 6, 7, 9, 9, 2, 2, 3, 4, 5, 6, 7, 9, 9, 1, 1, 1, 1, 1, 1, 1, 9, 9, 1, 2, 3, 6, 5, 6, 7, 9,
  9, 1, 2, 3, 4, 7, 7, 7, 9, 9, 1, 2, 1, 4, 5, 6, 7, 9, 9, 1, 3, 3, 4, 5, 6, 7, 9, 9, 1, 2, 4, 4, 5, 6, 7, 9,
  9, 1, 2, 3, 4, 5, 6, 1, 9, 9, 1, 2, 3, 4, 5, 6, 7, 8, 9, 1, 2, 3, 4, 5, 6, 7, 4,
]);

/** In the 64 bytes of protocol state: u8 state, u8, u16, then the verification tags (network order) per direction. */
const VTAG: usize = 4;

export function nfSctpState(ct: NfConn): u32 {
  return load<u8>(nfProtoState(ct));
}

export function nfSctpVtag(ct: NfConn, dir: u32): u32 {
  return load<u32>(nfProtoState(ct) + (dir << 2), VTAG);
}

function invalid(net: Net, skb: SkBuff): i32 {
  nfCtLogInvalid(net, skb, IPPROTO_SCTP, CtInvalid.SCTP);
  return -NF_ACCEPT;
}

function nextState(dir: u32, state: u32, type: u32): u32 {
  const row = type < 15 ? <u32>load<u8>(ROWS + type) : 255;
  if (row === 255) return state;
  return load<u8>(TRANSITIONS + (dir * ROW_COUNT + row) * SCTP_CONNTRACK_MAX + state);
}

export function nfCtSctpPacket(
  net: Net,
  ct: NfConn,
  skb: SkBuff,
  dataoff: u32,
  info: u32,
  _hook: u32,
  _l3num: u32,
): i32 {
  if (!pskbMayPull(skb, min(skb.len, dataoff + 1024)) || skb.len - dataoff < SCTP_HDR_LEN) {
    return invalid(net, skb);
  }
  const linear = skb.len - skb.dataLen;
  const sh = skb.data + dataoff;
  const vtag = load<u32>(sh, 4);
  const dir = ctDir(info);
  const p = nfProtoState(ct);
  const fresh = (ct.status & IPS_CONFIRMED) === 0;
  if (fresh) memory.fill(p, 0, 16);
  const tagAt = p + VTAG + (dir << 2);
  const otherTagAt = p + VTAG + ((dir ^ 1) << 2);
  let state = <u32>load<u8>(p);
  let seenInit = false;
  let count: u32 = 0;
  const oldState = state;
  let at = dataoff + SCTP_HDR_LEN;
  while (skb.len - at >= CHUNK_HDR_LEN && at + CHUNK_HDR_LEN <= linear) {
    const chunk = skb.data + at;
    const type = <u32>load<u8>(chunk);
    const len = <u32>bswap<u16>(load<u16>(chunk, 2));
    if (len < CHUNK_HDR_LEN || len > skb.len - at) return invalid(net, skb);
    const first = fresh && count === 0;
    if (first && !mayBegin(type, vtag)) return invalid(net, skb);
    // RFC 9260 §8.5.1: INIT has tag 0 and is alone; ABORT and SHUTDOWN COMPLETE may reflect the tag of the other.
    if (type === SCTP_CID_INIT) {
      if (vtag !== 0 || count !== 0) return invalid(net, skb);
      seenInit = true;
    } else if (!first && !tagValid(type, load<u8>(chunk, 1), vtag, tagAt, otherTagAt, state)) {
      return invalid(net, skb);
    }
    const next = nextState(dir, state, type);
    if (next === SCTP_CONNTRACK_MAX) return invalid(net, skb);
    if (type === SCTP_CID_INIT || type === SCTP_CID_INIT_ACK) {
      if (len < 20 || at + 20 > linear) return invalid(net, skb);
      // The tag that the other has to use.
      store<u32>(otherTagAt, load<u32>(chunk, 4));
    } else if (first) {
      store<u32>(tagAt, vtag);
    } else if (load<u32>(tagAt) === 0 && type === SCTP_CID_HEARTBEAT_ACK) {
      store<u32>(tagAt, vtag);
    }
    if (next !== state) {
      state = next;
      store<u8>(p, <u8>state);
    }
    count++;
    at += (len + 3) & ~3;
  }
  if (count === 0 && fresh) return invalid(net, skb);
  if (state === SCTP_CONNTRACK_NONE) state = SCTP_CONNTRACK_CLOSED;
  store<u8>(p, <u8>state);
  if (state !== oldState) nfCtEventCache(ct, IPCT_PROTOINFO);
  nfCtRefreshAcct(ct, info, skb, timeoutOf(net, ct, state));
  const wasOpening = oldState === SCTP_CONNTRACK_COOKIE_ECHOED || oldState === SCTP_CONNTRACK_HEARTBEAT_SENT;
  if (wasOpening && dir === 1 && state === SCTP_CONNTRACK_ESTABLISHED && (ct.status & IPS_ASSURED) === 0) {
    ct.status |= IPS_ASSURED;
    nfCtEventCache(ct, IPCT_ASSURED);
  }
  return seenInit && count > 1 ? invalid(net, skb) : NF_ACCEPT;
}

/** What an association that is new to us may begin with. */
function mayBegin(type: u32, vtag: u32): bool {
  if (type === SCTP_CID_INIT) return vtag === 0;
  if (type === SCTP_CID_DATA || type === SCTP_CID_HEARTBEAT || type === SCTP_CID_SHUTDOWN_ACK)
    return vtag !== 0;
  return false;
}

function tagValid(type: u32, flags: u8, vtag: u32, tagAt: usize, otherAt: usize, state: u32): bool {
  const own = load<u32>(tagAt);
  const reflects = (flags & 1) !== 0;
  if (type === SCTP_CID_ABORT || type === SCTP_CID_SHUTDOWN_COMPLETE) {
    if (vtag === own) return true;
    return reflects && vtag === load<u32>(otherAt);
  }
  if (type === SCTP_CID_HEARTBEAT || type === SCTP_CID_HEARTBEAT_ACK) {
    return own === 0 || vtag === own || state === SCTP_CONNTRACK_HEARTBEAT_SENT;
  }
  if (type === SCTP_CID_COOKIE_ECHO || type === SCTP_CID_COOKIE_ACK || type === SCTP_CID_INIT_ACK) {
    return vtag === own || own === 0;
  }
  return own === 0 || vtag === own;
}

function timeoutOf(net: Net, ct: NfConn, state: u32): u32 {
  const policy = nfCtPolicyTimeout(ct, state);
  if (policy !== 0) return policy;
  const id = <u32>Sysctl.NF_CONNTRACK_SCTP_TIMEOUT_CLOSED + state - SCTP_CONNTRACK_CLOSED;
  return nfCtTimeoutSysctl(net, <Sysctl>id);
}

/** The end is near: it may go when the table is full. */
export function nfSctpCanEarlyDrop(ct: NfConn): bool {
  const state = nfSctpState(ct);
  if (state === SCTP_CONNTRACK_COOKIE_WAIT) return false;
  return state >= SCTP_CONNTRACK_SHUTDOWN_SENT && state <= SCTP_CONNTRACK_SHUTDOWN_ACK_SENT;
}
