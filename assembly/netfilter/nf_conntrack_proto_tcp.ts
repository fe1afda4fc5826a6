/**
 * TCP as seen from between: states (nf_conntrack_tcp_state), windows (nf_conntrack_tcp_window), and the segments that
 * show that an end, or we, are out of step. Linux: nf_conntrack_proto_tcp.c.
 *
 *   header sound? ─► first of a connection: may it begin here? ─► where does it lead from this state?
 *     ─► reopened, ignored, invalid │ RST, challenge ACK ─► in window? ─► new state, its timeout
 */
import { CtInvalid, IPCT_ASSURED, IPCT_PROTOINFO } from '../abi/nf_conntrack';
import { Sysctl } from '../abi/sysctl';
import { Scratch, scratch } from '../lib/scratch';
import { seqBefore } from '../lib/seq';
import { NF_ACCEPT, NF_DROP, NF_REPEAT } from '../net/hooks';
import { Net, sysctl } from '../net/net';
import { SkBuff } from '../skb/sk_buff';
import { pskbMayPull } from '../skb/skbuff';
import {
  IPS_ASSURED,
  IPS_CONFIRMED,
  IPS_FIXED_TIMEOUT,
  IPS_SEEN_REPLY,
  IPS_TEMPLATE,
  NF_CT_EXTRA_POLICY,
  NF_CT_EXTRA_SEQADJ,
  NfConn,
  ctDir,
  nfCtExpires,
  nfCtTimeoutSysctl,
  nfProtoState,
  nfTuple,
} from './nf_conntrack';
import { nfCtRefresh, nfCtRefreshAcct } from './nf_conntrack_acct';
import { nfCtEventCache } from './nf_conntrack_ecache';
import { nfCtKill, nfCtKillAcct } from './nf_conntrack_table';
import { nfCtBadChecksum, nfCtLogInvalid } from './nf_conntrack_proto';
import { nfCtSeqOffset } from './nf_conntrack_seqadj';
import {
  TCP_ACK_SET,
  TCP_CONNTRACK_CLOSE,
  TCP_CONNTRACK_CLOSE_WAIT,
  TCP_CONNTRACK_ESTABLISHED,
  TCP_CONNTRACK_FIN_WAIT,
  TCP_CONNTRACK_IGNORE,
  TCP_CONNTRACK_LAST_ACK,
  TCP_CONNTRACK_MAX,
  TCP_CONNTRACK_NONE,
  TCP_CONNTRACK_RETRANS,
  TCP_CONNTRACK_SYN_RECV,
  TCP_CONNTRACK_SYN_SENT,
  TCP_CONNTRACK_SYN_SENT2,
  TCP_CONNTRACK_TIME_WAIT,
  TCP_CONNTRACK_UNACK,
  TCP_FIN_SET,
  TCP_NONE_SET,
  TCP_RST_SET,
  TCP_SYNACK_SET,
  TCP_SYN_SET,
  nfTcpFlagsValid,
  nfTcpKind,
  nfTcpNext,
} from './nf_conntrack_tcp_state';
import {
  IP_CT_EXP_CHALLENGE_ACK,
  IP_CT_TCP_FLAG_BE_LIBERAL,
  IP_CT_TCP_FLAG_CLOSE_INIT,
  IP_CT_TCP_FLAG_DATA_UNACKNOWLEDGED,
  IP_CT_TCP_FLAG_MAXACK_SET,
  IP_CT_TCP_FLAG_SACK_PERM,
  IP_CT_TCP_FLAG_WINDOW_SCALE,
  IP_CT_TCP_SIMULTANEOUS_OPEN,
  NFCT_TCP_ACCEPT,
  NFCT_TCP_IGNORE,
  NF_TCP_BYTES,
  NfTcp,
  NfTcpEnd,
  nfTcpEnd,
  nfTcpInWindow,
  nfTcpOptions,
} from './nf_conntrack_tcp_window';
import { nfCtPolicyTimeout } from './nf_conntrack_timeout';
import { IPPROTO_TCP } from './nf_conntrack_tuple';

const TCP_HDR_LEN: u32 = 20;
const TCPHDR_FIN: u32 = 1;
const TCPHDR_SYN: u32 = 2;
const TCPHDR_RST: u32 = 4;
/** Where the NfTcpEnd of options that are only looked at lies in the scratch place, behind the reason. */
const LOOK_OFFSET: usize = 64;
/** Below this a connection that seems dead is not shortened. */
const INVALID_SHRINK_MS: u32 = 120_000;

export function nfTcpOf(ct: NfConn): NfTcp {
  return changetype<NfTcp>(nfProtoState(ct));
}

/** Closing or closed: it may go when the table is full. Linux: tcp_can_early_drop. */
export function nfTcpCanEarlyDrop(ct: NfConn): bool {
  const state = <u32>nfTcpOf(ct).state;
  return (
    state === TCP_CONNTRACK_FIN_WAIT ||
    state === TCP_CONNTRACK_LAST_ACK ||
    state === TCP_CONNTRACK_TIME_WAIT ||
    state === TCP_CONNTRACK_CLOSE ||
    state === TCP_CONNTRACK_CLOSE_WAIT
  );
}

/** Linux: nf_conntrack_tcp_established. */
export function nfCtTcpEstablished(ct: NfConn): bool {
  return established(ct, nfTcpOf(ct));
}

function established(ct: NfConn, t: NfTcp): bool {
  return <u32>t.state === TCP_CONNTRACK_ESTABLISHED && (ct.status & IPS_ASSURED) !== 0;
}

function headerProblem(net: Net, skb: SkBuff, dataoff: u32, hook: u32, l3num: u32): CtInvalid {
  if (!pskbMayPull(skb, dataoff + TCP_HDR_LEN)) return CtInvalid.SHORT;
  const doff = (<u32>load<u8>(skb.data + dataoff, 12) >> 4) << 2;
  if (doff < TCP_HDR_LEN || skb.len - dataoff < doff) return CtInvalid.TRUNCATED;
  if (nfCtBadChecksum(net, skb, hook, l3num, dataoff, skb.len - dataoff, IPPROTO_TCP))
    return CtInvalid.CHECKSUM;
  if (!pskbMayPull(skb, dataoff + doff)) return CtInvalid.TRUNCATED;
  return nfTcpFlagsValid(load<u8>(skb.data + dataoff, 13)) ? CtInvalid.NONE : CtInvalid.TCP_FLAGS;
}

/** SYN and FIN take a sequence number each (RFC 9293 §3.4). */
function segmentEnd(th: usize, flags: u32, payload: u32): u32 {
  let end = bswap<u32>(load<u32>(th, 4)) + payload;
  if ((flags & TCPHDR_SYN) !== 0) end++;
  if ((flags & TCPHDR_FIN) !== 0) end++;
  return end;
}

/** The first segment: what is known of the opener. False: no connection begins so. Linux: tcp_new. */
function tcpNew(net: Net, t: NfTcp, kind: u32, th: usize, doff: u32, end: u32): bool {
  const state = nfTcpNext(0, kind, TCP_CONNTRACK_NONE);
  if (state >= TCP_CONNTRACK_MAX) return false;
  const opener = nfTcpEnd(t, 0);
  const win = <u32>bswap<u16>(load<u16>(th, 14));
  memory.fill(changetype<usize>(t), 0, NF_TCP_BYTES);
  opener.end = end;
  opener.maxwin = win === 0 ? 1 : win;
  t.lastIndex = <u8>TCP_NONE_SET;
  if (state === TCP_CONNTRACK_SYN_SENT) {
    opener.maxend = end;
    nfTcpOptions(th, doff, opener);
    return true;
  }
  if (sysctl(net, Sysctl.NF_CONNTRACK_TCP_LOOSE) === 0) return false;
  // Picked up in the middle: scale and SACK are not known, so windows cannot be held against anybody.
  opener.maxend = end + opener.maxwin;
  const liberal = IP_CT_TCP_FLAG_SACK_PERM | IP_CT_TCP_FLAG_BE_LIBERAL;
  opener.flags = liberal;
  nfTcpEnd(t, 1).flags = liberal;
  return true;
}

export function nfCtTcpPacket(
  net: Net,
  ct: NfConn,
  skb: SkBuff,
  dataoff: u32,
  info: u32,
  hook: u32,
  l3num: u32,
): i32 {
  const problem = headerProblem(net, skb, dataoff, hook, l3num);
  if (problem !== CtInvalid.NONE) {
    nfCtLogInvalid(net, skb, IPPROTO_TCP, problem);
    return -NF_ACCEPT;
  }
  const th = skb.data + dataoff;
  const doff = (<u32>load<u8>(th, 12) >> 4) << 2;
  const flags = <u32>load<u8>(th, 13);
  const kind = nfTcpKind(flags);
  const end = segmentEnd(th, flags, skb.len - dataoff - doff);
  const t = nfTcpOf(ct);
  if ((ct.status & IPS_CONFIRMED) === 0 && !tcpNew(net, t, kind, th, doff, end)) {
    nfCtLogInvalid(net, skb, IPPROTO_TCP, CtInvalid.TCP_STATE);
    return -NF_ACCEPT;
  }
  const dir = ctDir(info);
  let oldState = <u32>t.state;
  let newState = nfTcpNext(dir, kind, oldState);
  let inWindow = false;
  const seq = bswap<u32>(load<u32>(th, 4));
  const ack = bswap<u32>(load<u32>(th, 8));

  switch (newState) {
    case TCP_CONNTRACK_SYN_SENT: {
      if (oldState < TCP_CONNTRACK_TIME_WAIT) break;
      // RFC 9293 §3.6.1: a new SYN "MAY" reopen a connection from TIME-WAIT; we do not look at its number. An opener
      // that aborted may begin anew, too.
      const closing = ((nfTcpEnd(t, 0).flags | nfTcpEnd(t, 1).flags) & IP_CT_TCP_FLAG_CLOSE_INIT) !== 0;
      if (closing || (<u32>t.lastDir === dir && <u32>t.lastIndex === TCP_RST_SET)) {
        return nfCtKill(ct) ? -NF_REPEAT : -NF_DROP;
      }
      if (outOfStep(t, dir, kind, oldState, th, doff, end, ack)) {
        oldState = TCP_CONNTRACK_SYN_SENT;
        newState = TCP_CONNTRACK_SYN_RECV;
        break;
      }
      nfCtLogInvalid(net, skb, IPPROTO_TCP, CtInvalid.TCP_IGNORED);
      return NF_ACCEPT;
    }
    case TCP_CONNTRACK_IGNORE: {
      if (outOfStep(t, dir, kind, oldState, th, doff, end, ack)) {
        oldState = TCP_CONNTRACK_SYN_SENT;
        newState = TCP_CONNTRACK_SYN_RECV;
        break;
      }
      nfCtLogInvalid(net, skb, IPPROTO_TCP, CtInvalid.TCP_IGNORED);
      return NF_ACCEPT;
    }
    case TCP_CONNTRACK_MAX: {
      nfCtLogInvalid(net, skb, IPPROTO_TCP, CtInvalid.TCP_STATE);
      return -NF_ACCEPT;
    }
    case TCP_CONNTRACK_TIME_WAIT: {
      // RFC 5961 §4.2: the ACK that answers a SYN in LAST-ACK challenges it; it acknowledges no FIN.
      if (
        oldState === TCP_CONNTRACK_LAST_ACK &&
        kind === TCP_ACK_SET &&
        <u32>t.lastDir !== dir &&
        <u32>t.lastIndex === TCP_SYN_SET &&
        (t.lastFlags & IP_CT_EXP_CHALLENGE_ACK) !== 0
      ) {
        t.lastFlags &= ~IP_CT_EXP_CHALLENGE_ACK;
        nfCtLogInvalid(net, skb, IPPROTO_TCP, CtInvalid.TCP_CHALLENGE_ACK);
        return NF_ACCEPT;
      }
      break;
    }
    case TCP_CONNTRACK_SYN_SENT2: {
      t.lastFlags |= IP_CT_TCP_SIMULTANEOUS_OPEN;
      break;
    }
    case TCP_CONNTRACK_SYN_RECV: {
      if (dir === 1 && kind === TCP_ACK_SET && (t.lastFlags & IP_CT_TCP_SIMULTANEOUS_OPEN) !== 0) {
        newState = TCP_CONNTRACK_ESTABLISHED;
      }
      break;
    }
    case TCP_CONNTRACK_CLOSE: {
      if (kind !== TCP_RST_SET) break;
      const rst = judgeRst(net, ct, t, dir, oldState, seq, ack);
      if (rst === RST_INVALID) {
        nfCtLogInvalid(net, skb, IPPROTO_TCP, CtInvalid.TCP_RST);
        return -NF_ACCEPT;
      }
      if (rst === RST_KEEP_STATE) newState = oldState;
      inWindow = rst === RST_IN_WINDOW;
      break;
    }
  }

  if (!inWindow) {
    const why = scratch(Scratch.NF_CT_L4);
    let offset: u32 = 0;
    if ((ct.extras & NF_CT_EXTRA_SEQADJ) !== 0) offset = nfCtSeqOffset(ct, dir ^ 1, ack - 1);
    const judged = nfTcpInWindow(net, t, dir, kind, th, doff, end, offset, why);
    if (judged !== NFCT_TCP_ACCEPT) {
      nfCtLogInvalid(net, skb, IPPROTO_TCP, load<u32>(why));
      if (judged === NFCT_TCP_IGNORE) return NF_ACCEPT;
      shrinkDead(net, ct, t, dir, kind);
      return -NF_ACCEPT;
    }
  }

  t.lastIndex = <u8>kind;
  t.lastDir = <u8>dir;
  t.state = <u8>newState;
  if (oldState !== newState) {
    if (newState === TCP_CONNTRACK_FIN_WAIT) nfTcpEnd(t, dir).flags |= IP_CT_TCP_FLAG_CLOSE_INIT;
    nfCtEventCache(ct, IPCT_PROTOINFO);
  }
  let timeout = timeoutFor(net, ct, t, kind, newState);
  const status = ct.status;
  if ((status & IPS_SEEN_REPLY) === 0) {
    if ((flags & TCPHDR_RST) !== 0) {
      // The only answer is a RST: there is no connection.
      nfCtKillAcct(ct, info, skb);
      return NF_ACCEPT;
    }
    // A SYN sent again and again does not keep an entry, and the ports that it holds, alive.
    if (kind === TCP_SYN_SET && oldState === TCP_CONNTRACK_SYN_SENT) return NF_ACCEPT;
    if (newState === TCP_CONNTRACK_ESTABLISHED) {
      timeout = min(timeout, timeoutOf(net, ct, TCP_CONNTRACK_UNACK));
    }
  } else if ((status & IPS_ASSURED) === 0 && newState === TCP_CONNTRACK_ESTABLISHED) {
    if (oldState === TCP_CONNTRACK_SYN_RECV || oldState === TCP_CONNTRACK_ESTABLISHED) {
      ct.status = status | IPS_ASSURED;
      nfCtEventCache(ct, IPCT_ASSURED);
    }
  }
  nfCtRefreshAcct(ct, info, skb, timeout);
  return NF_ACCEPT;
}

/**
 * A segment that may come of a connection which we know less of than its ends. True: it is the SYN+ACK to a SYN that
 * was let through before, and we are in step again. False: noted, and let through.
 */
function outOfStep(
  t: NfTcp,
  dir: u32,
  kind: u32,
  oldState: u32,
  th: usize,
  doff: u32,
  end: u32,
  ack: u32,
): bool {
  if (
    kind === TCP_SYNACK_SET &&
    <u32>t.lastIndex === TCP_SYN_SET &&
    <u32>t.lastDir !== dir &&
    ack === t.lastEnd
  ) {
    const opener = nfTcpEnd(t, t.lastDir);
    opener.end = t.lastEnd;
    opener.maxend = t.lastEnd;
    opener.maxwin = t.lastWin === 0 ? 1 : t.lastWin;
    opener.scale = t.lastWscale;
    t.lastFlags &= ~IP_CT_EXP_CHALLENGE_ACK;
    opener.flags = t.lastFlags;
    const answerer = nfTcpEnd(t, dir);
    const liberal = answerer.flags & IP_CT_TCP_FLAG_BE_LIBERAL;
    memory.fill(changetype<usize>(answerer), 0, offsetof<NfTcpEnd>());
    answerer.flags = liberal;
    return true;
  }
  t.lastIndex = <u8>kind;
  t.lastDir = <u8>dir;
  t.lastSeq = bswap<u32>(load<u32>(th, 4));
  t.lastEnd = end;
  t.lastWin = bswap<u16>(load<u16>(th, 14));
  if (kind === TCP_SYN_SET && dir === 0) {
    const look = changetype<NfTcpEnd>(scratch(Scratch.NF_CT_L4) + LOOK_OFFSET);
    look.flags = 0;
    look.scale = 0;
    nfTcpOptions(th, doff, look);
    t.lastFlags = look.flags & (IP_CT_TCP_FLAG_WINDOW_SCALE | IP_CT_TCP_FLAG_SACK_PERM);
    t.lastWscale = look.scale;
    // In LAST-ACK an ACK in answer to this would be taken for that of the FIN.
    if (oldState === TCP_CONNTRACK_LAST_ACK) t.lastFlags |= IP_CT_EXP_CHALLENGE_ACK;
  }
  // It may be a challenge, and the RST that it brings is then known by this number.
  if (oldState === TCP_CONNTRACK_SYN_SENT && kind === TCP_ACK_SET && dir === 1) t.lastAck = ack;
  return false;
}

const RST_CHECK_WINDOW: i32 = 0;
const RST_IN_WINDOW: i32 = 1;
const RST_INVALID: i32 = 2;
/** In the window, but not exact: RFC 5961 §3.2 lets the receiver challenge it, so nothing is closed yet. */
const RST_KEEP_STATE: i32 = 3;

function judgeRst(net: Net, ct: NfConn, t: NfTcp, dir: u32, oldState: u32, seq: u32, ack: u32): i32 {
  // Closing already: the numbers here may be of an earlier connection with the same ports.
  if (nfTcpCanEarlyDrop(ct)) return RST_IN_WINDOW;
  const peer = nfTcpEnd(t, dir ^ 1);
  let verdict = RST_CHECK_WINDOW;
  if ((peer.flags & IP_CT_TCP_FLAG_MAXACK_SET) !== 0 && <u32>t.lastIndex !== TCP_SYN_SET) {
    const open = established(ct, t);
    // The answer to a SYN that was let through before.
    if (seq === 0 && !open) return RST_CHECK_WINDOW;
    if (seqBefore(seq, peer.maxack) && sysctl(net, Sysctl.NF_CONNTRACK_TCP_IGNORE_INVALID_RST) === 0) {
      return RST_INVALID;
    }
    if (!open || seq === peer.maxack) return RST_CHECK_WINDOW;
    // Right behind data of its own that nobody has acknowledged yet.
    if (<u32>t.lastIndex === TCP_ACK_SET && <u32>t.lastDir === dir && seq === t.lastEnd)
      return RST_CHECK_WINDOW;
    verdict = RST_KEEP_STATE;
  }
  // The other's answer to an invalid SYN or ACK that was let through: windows here are not those of the ends.
  const toSyn = (ct.status & IPS_SEEN_REPLY) !== 0 && <u32>t.lastIndex === TCP_SYN_SET;
  const toAck = (ct.status & IPS_ASSURED) === 0 && <u32>t.lastIndex === TCP_ACK_SET;
  if ((toSyn || toAck) && <u32>t.lastDir !== dir && ack === t.lastEnd) return RST_IN_WINDOW;
  // The answer to a challenge ACK.
  if (
    oldState === TCP_CONNTRACK_SYN_SENT &&
    <u32>t.lastIndex === TCP_ACK_SET &&
    t.lastDir === 1 &&
    seq === t.lastAck
  ) {
    return RST_IN_WINDOW;
  }
  return verdict;
}

/** FIN or RST out of the window, from both sides: the connection is dead but for us. Linux: nf_tcp_handle_invalid. */
function shrinkDead(net: Net, ct: NfConn, t: NfTcp, dir: u32, kind: u32): void {
  if ((ct.status & IPS_ASSURED) === 0 || (ct.status & IPS_FIXED_TIMEOUT) !== 0) return;
  if (kind !== TCP_RST_SET && kind !== TCP_FIN_SET) return;
  const last = <u32>t.lastIndex;
  if (<u32>t.lastDir === dir || (last !== TCP_FIN_SET && last !== TCP_RST_SET)) {
    t.lastIndex = <u8>kind;
    t.lastDir = <u8>dir;
    return;
  }
  const left = nfCtExpires(ct);
  const short = timeoutOf(net, ct, TCP_CONNTRACK_UNACK);
  if (left >= INVALID_SHRINK_MS && left > short) nfCtRefresh(ct, short);
}

/** A rule resets the connection of the packet: its end, as if both sides had been told. Linux: nf_conntrack_tcp_set_closing. */
export function nfCtTcpSetClosing(net: Net, ct: NfConn): void {
  const tuple = nfTuple(ct, 0);
  if (<u32>tuple.proto !== IPPROTO_TCP || (ct.status & IPS_TEMPLATE) !== 0) return;
  const t = changetype<NfTcp>(nfProtoState(ct));
  const before = <u32>t.state;
  t.state = <u8>TCP_CONNTRACK_CLOSE;
  if (before === TCP_CONNTRACK_CLOSE || (ct.status & IPS_FIXED_TIMEOUT) !== 0) return;
  nfCtRefresh(ct, timeoutOf(net, ct, TCP_CONNTRACK_CLOSE));
  nfCtEventCache(ct, IPCT_PROTOINFO);
}

function timeoutFor(net: Net, ct: NfConn, t: NfTcp, kind: u32, state: u32): u32 {
  const normal = timeoutOf(net, ct, state);
  if (<i32>t.retrans >= sysctl(net, Sysctl.NF_CONNTRACK_TCP_MAX_RETRANS)) {
    const retrans = timeoutOf(net, ct, TCP_CONNTRACK_RETRANS);
    if (normal > retrans) return retrans;
  }
  if (kind === TCP_RST_SET) return timeoutOf(net, ct, TCP_CONNTRACK_CLOSE);
  const flags = nfTcpEnd(t, 0).flags | nfTcpEnd(t, 1).flags;
  if ((flags & IP_CT_TCP_FLAG_DATA_UNACKNOWLEDGED) !== 0) {
    const unack = timeoutOf(net, ct, TCP_CONNTRACK_UNACK);
    if (normal > unack) return unack;
  }
  if (t.lastWin === 0) {
    const retrans = timeoutOf(net, ct, TCP_CONNTRACK_RETRANS);
    if (normal > retrans) return retrans;
  }
  return normal;
}

/** Milliseconds, by the connection's policy or the sysctl of that name. */
function timeoutOf(net: Net, ct: NfConn, state: u32): u32 {
  if ((ct.extras & NF_CT_EXTRA_POLICY) !== 0) {
    const policy = nfCtPolicyTimeout(ct, state);
    if (policy !== 0) return policy;
  }
  return nfCtTcpTimeout(net, state);
}

/** Milliseconds by the sysctl of a state. */
export function nfCtTcpTimeout(net: Net, state: u32): u32 {
  if (state === TCP_CONNTRACK_RETRANS) {
    return nfCtTimeoutSysctl(net, Sysctl.NF_CONNTRACK_TCP_TIMEOUT_MAX_RETRANS);
  }
  if (state === TCP_CONNTRACK_UNACK) {
    return nfCtTimeoutSysctl(net, Sysctl.NF_CONNTRACK_TCP_TIMEOUT_UNACKNOWLEDGED);
  }
  // SYN_SENT2 has no sysctl of its own.
  const named =
    state === TCP_CONNTRACK_SYN_SENT2 ? TCP_CONNTRACK_SYN_SENT : max(state, TCP_CONNTRACK_SYN_SENT);
  return nfCtTimeoutSysctl(net, <Sysctl>(<u32>Sysctl.NF_CONNTRACK_TCP_TIMEOUT_SYN_SENT + named - 1));
}
