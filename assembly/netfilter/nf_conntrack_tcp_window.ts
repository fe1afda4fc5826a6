/**
 * Which segments lie in the window (Guido van Rooij, "Real Stateful TCP Packet Filtering in IP Filter"): both ends are
 * followed, and a segment must carry data that its receiver allows and acknowledge data that it was sent.
 * Linux: nf_conntrack_proto_tcp.c, tcp_in_window.
 *
 *   I    SEQ  <= highest that the receiver has allowed (maxend of the sender)
 *   II   END  >= what the sender has sent less the receiver's window
 *   III  ACK  <= what the receiver has sent
 *   IV   ACK  >= that less the sender's window, at least 66000
 */
import { CtInvalid } from '../abi/nf_conntrack';
import { Sysctl } from '../abi/sysctl';
import { seqAfter, seqBefore } from '../lib/seq';
import { Net, sysctl } from '../net/net';
import { TCPOPT_EOL, TCPOPT_NOP, TCPOPT_SACK, TCPOPT_SACK_PERM, TCPOPT_WINDOW } from '../wire/tcp_options';
import { TCP_ACK_SET, TCP_CONNTRACK_SYN_RECV, TCP_CONNTRACK_SYN_SENT } from './nf_conntrack_tcp_state';

/** One end of a connection. */
@unmanaged
@final
export class NfTcpEnd {
  /** End of what it has sent, highest end that it may send to, largest window that it has offered, highest ACK. */
  end: u32;
  maxend: u32;
  maxwin: u32;
  maxack: u32;
  scale: u8;
  /** IP_CT_TCP_FLAG_* */
  flags: u8;
  pad: u16;
}
const END_BYTES: usize = 20;

/** The 64 bytes of protocol state. */
@unmanaged
@final
export class NfTcp {
  state: u8;
  lastDir: u8;
  retrans: u8;
  lastIndex: u8;
  lastSeq: u32;
  lastAck: u32;
  lastEnd: u32;
  lastWin: u16;
  lastWscale: u8;
  lastFlags: u8;
  // NfTcpEnd of the original and of the reply direction
}
const ENDS_OFFSET: usize = 20;
export const NF_TCP_BYTES: u32 = 60;

export const IP_CT_TCP_FLAG_WINDOW_SCALE: u8 = 0x01;
export const IP_CT_TCP_FLAG_SACK_PERM: u8 = 0x02;
export const IP_CT_TCP_FLAG_CLOSE_INIT: u8 = 0x04;
export const IP_CT_TCP_FLAG_BE_LIBERAL: u8 = 0x08;
export const IP_CT_TCP_FLAG_DATA_UNACKNOWLEDGED: u8 = 0x10;
export const IP_CT_TCP_FLAG_MAXACK_SET: u8 = 0x20;
export const IP_CT_EXP_CHALLENGE_ACK: u8 = 0x40;
export const IP_CT_TCP_SIMULTANEOUS_OPEN: u8 = 0x80;

const TCP_WSCALE_MAX: u8 = 14;
const MAXACKWINCONST: u32 = 66000;
const OPT_TIMESTAMP_ALIGNED: u32 = 0x0a080101;
const TIMESTAMP_ALIGNED_BYTES: u32 = 12;

export function nfTcpEnd(t: NfTcp, dir: u32): NfTcpEnd {
  return changetype<NfTcpEnd>(changetype<usize>(t) + ENDS_OFFSET + dir * END_BYTES);
}

/** What tcpInWindow says. */
export const NFCT_TCP_ACCEPT: i32 = 0;
/** Let through without moving anything. */
export const NFCT_TCP_IGNORE: i32 = 1;
export const NFCT_TCP_INVALID: i32 = 2;

/** Window scale and SACK permitted, from the options of a SYN, into `to`; what was there goes but liberality. */
export function nfTcpOptions(th: usize, doff: u32, to: NfTcpEnd): void {
  // A SYN without any leaves what an earlier one said.
  if (doff <= 20) return;
  to.scale = 0;
  to.flags &= IP_CT_TCP_FLAG_BE_LIBERAL;
  let at: u32 = 20;
  while (at < doff) {
    const kind = <u32>load<u8>(th + at);
    if (kind === TCPOPT_EOL) return;
    if (kind === TCPOPT_NOP) {
      at++;
      continue;
    }
    if (doff - at < 2) return;
    const size = <u32>load<u8>(th + at, 1);
    if (size < 2 || size > doff - at) return;
    if (kind === TCPOPT_SACK_PERM && size === 2) to.flags |= IP_CT_TCP_FLAG_SACK_PERM;
    if (kind === TCPOPT_WINDOW && size === 3) {
      const scale = load<u8>(th + at, 2);
      to.scale = scale > TCP_WSCALE_MAX ? TCP_WSCALE_MAX : scale;
      to.flags |= IP_CT_TCP_FLAG_WINDOW_SCALE;
    }
    at += size;
  }
}

/** The highest right edge of SACK blocks, if that is above `ack`. */
function highestSack(th: usize, doff: u32, ack: u32): u32 {
  if (doff === 20) return ack;
  // Nothing but a timestamp, as most segments.
  if (doff === 20 + TIMESTAMP_ALIGNED_BYTES && load<u32>(th, 20) === OPT_TIMESTAMP_ALIGNED) return ack;
  let sack = ack;
  let at: u32 = 20;
  while (at < doff) {
    const kind = <u32>load<u8>(th + at);
    if (kind === TCPOPT_EOL) break;
    if (kind === TCPOPT_NOP) {
      at++;
      continue;
    }
    if (doff - at < 2) break;
    const size = <u32>load<u8>(th + at, 1);
    if (size < 2 || size > doff - at) break;
    if (kind === TCPOPT_SACK && size >= 10 && ((size - 2) & 7) === 0) {
      for (let block: u32 = 2; block < size; block += 8) {
        const edge = bswap<u32>(load<u32>(th + at + block, 4));
        if (seqAfter(edge, sack)) sack = edge;
      }
    }
    at += size;
  }
  return sack;
}

function initSender(
  sender: NfTcpEnd,
  receiver: NfTcpEnd,
  th: usize,
  doff: u32,
  end: u32,
  win: u32,
  dir: u32,
): void {
  sender.end = end;
  sender.maxend = end;
  sender.maxwin = win === 0 ? 1 : win;
  nfTcpOptions(th, doff, sender);
  // RFC 7323 §2.2: "Both sides MUST send Window Scale options in their <SYN> segments to enable window scaling".
  if (dir !== 0 && (sender.flags & receiver.flags & IP_CT_TCP_FLAG_WINDOW_SCALE) === 0) {
    sender.scale = 0;
    receiver.scale = 0;
  }
}

/** `end`: sequence number behind the segment; `seqOffset`: what NAT moved the receiver's numbers by. */
export function nfTcpInWindow(
  net: Net,
  t: NfTcp,
  dir: u32,
  index: u32,
  th: usize,
  doff: u32,
  end: u32,
  seqOffset: u32,
  whyOut: usize,
): i32 {
  const sender = nfTcpEnd(t, dir);
  const receiver = nfTcpEnd(t, dir ^ 1);
  const flags = <u32>load<u8>(th, 13);
  const syn = (flags & 2) !== 0;
  const hasAck = (flags & 16) !== 0;
  let seq = bswap<u32>(load<u32>(th, 4));
  let ack = bswap<u32>(load<u32>(th, 8));
  const winRaw = <u32>bswap<u16>(load<u16>(th, 14));
  let win = winRaw;
  let sack = ack;
  if ((receiver.flags & IP_CT_TCP_FLAG_SACK_PERM) !== 0) sack = highestSack(th, doff, ack);
  ack -= seqOffset;
  sack -= seqOffset;

  if (sender.maxwin === 0) {
    if (syn) {
      initSender(sender, receiver, th, doff, end, win, dir);
      // A SYN crosses ours: simultaneous open.
      if (!hasAck) return NFCT_TCP_ACCEPT;
    } else {
      // In the middle of a connection: its history is guessed from this segment.
      const swin = win << sender.scale;
      sender.end = end;
      sender.maxwin = swin === 0 ? 1 : swin;
      sender.maxend = end + sender.maxwin;
      if (receiver.maxwin === 0) {
        receiver.end = sack;
        receiver.maxend = sack;
      } else if (sack === receiver.end + 1) {
        // The answer to a keepalive, which is one below what was sent.
        receiver.end++;
      }
    }
  } else if (
    syn &&
    seqAfter(end, sender.end) &&
    (t.state === <u8>TCP_CONNTRACK_SYN_SENT || t.state === <u8>TCP_CONNTRACK_SYN_RECV)
  ) {
    // RFC 9293 §3.10.7.3: the opener begins anew, with a number of a later incarnation.
    initSender(sender, receiver, th, doff, end, win, dir);
    if (dir !== 0 && !hasAck) return NFCT_TCP_ACCEPT;
  }

  if (!hasAck) {
    ack = receiver.end;
    sack = ack;
  } else if ((flags & 4) !== 0 && ack === 0) {
    // Stacks that set ACK in a RST and acknowledge nothing.
    ack = receiver.end;
    sack = ack;
  }
  if ((flags & 4) !== 0 && seq === 0 && t.state === <u8>TCP_CONNTRACK_SYN_SENT) {
    // The RST that answers a SYN.
    seq = sender.end;
    end = seq;
  }

  const ackWindow = max(sender.maxwin, MAXACKWINCONST);
  if (!seqBefore(seq, sender.maxend + 1)) {
    const overshot = end - sender.maxend + 1;
    const inWindow = receiver.maxwin !== 0 && seqAfter(end, sender.end - receiver.maxwin - 1);
    const ackOk = seqAfter(sack, receiver.end - ackWindow - 1);
    if (inWindow && ackOk && overshot <= receiver.maxwin && seqBefore(sack, receiver.end + 1)) {
      // More than was allowed. If the ruleset lets it pass, its acknowledgement must not look invalid, too.
      sender.end = end;
      sender.flags |= IP_CT_TCP_FLAG_DATA_UNACKNOWLEDGED;
      return judge(net, sender, NFCT_TCP_IGNORE, whyOut, CtInvalid.TCP_OVERSHOT);
    }
    return judge(net, sender, NFCT_TCP_INVALID, whyOut, CtInvalid.TCP_SEQ_OVER);
  }
  if (!seqBefore(sack, receiver.end + 1)) {
    return judge(net, sender, NFCT_TCP_INVALID, whyOut, CtInvalid.TCP_ACK_OVER);
  }
  if (receiver.maxwin !== 0 && !seqAfter(end, sender.end - receiver.maxwin - 1)) {
    return judge(net, sender, NFCT_TCP_IGNORE, whyOut, CtInvalid.TCP_SEQ_UNDER);
  }
  if (!seqAfter(sack, receiver.end - ackWindow - 1)) {
    return judge(net, sender, NFCT_TCP_IGNORE, whyOut, CtInvalid.TCP_ACK_UNDER);
  }

  // RFC 7323 §2.2: the window of a SYN is never scaled.
  if (!syn) win <<= sender.scale;
  const swin = win + (sack - ack);
  if (sender.maxwin < swin) sender.maxwin = swin;
  if (seqAfter(end, sender.end)) {
    sender.end = end;
    sender.flags |= IP_CT_TCP_FLAG_DATA_UNACKNOWLEDGED;
  }
  if (hasAck) {
    if ((sender.flags & IP_CT_TCP_FLAG_MAXACK_SET) === 0) {
      sender.maxack = ack;
      sender.flags |= IP_CT_TCP_FLAG_MAXACK_SET;
    } else if (seqAfter(ack, sender.maxack)) {
      sender.maxack = ack;
    }
  }
  if (receiver.maxwin !== 0 && seqAfter(end, sender.maxend)) receiver.maxwin += end - sender.maxend;
  if (seqAfter(sack + win, receiver.maxend - 1)) {
    receiver.maxend = sack + win;
    if (win === 0) receiver.maxend++;
  }
  if (ack === receiver.end) receiver.flags &= ~IP_CT_TCP_FLAG_DATA_UNACKNOWLEDGED;

  if (index === TCP_ACK_SET) {
    if (
      t.lastSeq === seq &&
      <u32>t.lastDir === dir &&
      t.lastAck === ack &&
      t.lastEnd === end &&
      <u32>t.lastWin === winRaw
    ) {
      t.retrans++;
    } else {
      t.lastDir = <u8>dir;
      t.lastSeq = seq;
      t.lastAck = ack;
      t.lastEnd = end;
      t.lastWin = <u16>winRaw;
      t.retrans = 0;
    }
  }
  return NFCT_TCP_ACCEPT;
}

/** Liberal (by sysctl, or a connection picked up in the middle): out of window is no reason. */
function judge(net: Net, sender: NfTcpEnd, verdict: i32, whyOut: usize, why: CtInvalid): i32 {
  const liberal = (sender.flags & IP_CT_TCP_FLAG_BE_LIBERAL) !== 0;
  if (liberal || sysctl(net, Sysctl.NF_CONNTRACK_TCP_BE_LIBERAL) !== 0) return NFCT_TCP_ACCEPT;
  store<u32>(whyOut, why);
  return verdict;
}
