/**
 * The states of a tracked TCP connection and what each kind of segment makes of them, seen from between the two ends
 * (RFC 9293 §3.3.2). Linux: nf_conntrack_proto_tcp.c, tcp_conntracks; names of include/uapi/linux/netfilter/nf_conntrack_tcp.h.
 *
 *   sNO none   sSS SYN sent   sSR SYN answered   sES established   sFW one FIN   sCW its ACK   sLA the other's FIN
 *   sTW its ACK   sCL reset   sS2 SYN both ways        sIG let through, out of step with us   sIV invalid
 */
export const TCP_CONNTRACK_NONE: u32 = 0;
export const TCP_CONNTRACK_SYN_SENT: u32 = 1;
export const TCP_CONNTRACK_SYN_RECV: u32 = 2;
export const TCP_CONNTRACK_ESTABLISHED: u32 = 3;
export const TCP_CONNTRACK_FIN_WAIT: u32 = 4;
export const TCP_CONNTRACK_CLOSE_WAIT: u32 = 5;
export const TCP_CONNTRACK_LAST_ACK: u32 = 6;
export const TCP_CONNTRACK_TIME_WAIT: u32 = 7;
export const TCP_CONNTRACK_CLOSE: u32 = 8;
export const TCP_CONNTRACK_SYN_SENT2: u32 = 9;
export const TCP_CONNTRACK_MAX: u32 = 10;
export const TCP_CONNTRACK_IGNORE: u32 = 11;
/** No states, but timeouts of a policy: after retransmissions, while data is not acknowledged. */
export const TCP_CONNTRACK_RETRANS: u32 = 12;
export const TCP_CONNTRACK_UNACK: u32 = 13;
export const TCP_CONNTRACK_TIMEOUTS: u32 = 14;

/** Kinds of segments. */
export const TCP_SYN_SET: u32 = 0;
export const TCP_SYNACK_SET: u32 = 1;
export const TCP_FIN_SET: u32 = 2;
export const TCP_ACK_SET: u32 = 3;
export const TCP_RST_SET: u32 = 4;
export const TCP_NONE_SET: u32 = 5;

const ROW: u32 = 10;
const KINDS: u32 = 6;

// Columns: the state now. Rows: SYN, SYN+ACK, FIN, ACK, RST, none of these. 10 = invalid, 11 = ignored.
const TRANSITIONS = memory.data<u8>([
  // from who opened it
  // sNO sSS sSR sES sFW sCW sLA sTW sCL sS2
  1, 1, 11, 11, 11, 11, 11, 1, 1, 9, 10, 10, 2, 10, 10, 10, 10, 10, 10, 2, 10, 10, 4, 4, 6, 6, 6, 7, 8, 10, 3,
  10, 3, 3, 5, 5, 7, 7, 8, 10, 10, 8, 8, 8, 8, 8, 8, 8, 8, 8, 10, 10, 10, 10, 10, 10, 10, 10, 10, 10,
  // from who was asked
  10, 9, 10, 10, 10, 10, 10, 1, 10, 9, 10, 2, 11, 11, 11, 11, 11, 11, 11, 2, 10, 10, 4, 4, 6, 6, 6, 7, 8, 10,
  10, 11, 2, 3, 5, 5, 7, 7, 8, 11, 10, 8, 8, 8, 8, 8, 8, 8, 8, 8, 10, 10, 10, 10, 10, 10, 10, 10, 10, 10,
]);

/** Where a segment of `kind` from `dir` leads from `state`. */
export function nfTcpNext(dir: u32, kind: u32, state: u32): u32 {
  return load<u8>(TRANSITIONS + (dir * KINDS + kind) * ROW + state);
}

// By FIN SYN RST PSH ACK URG without PSH: those that some stack sends.
const TCPHDR_FIN: u32 = 1;
const TCPHDR_SYN: u32 = 2;
const TCPHDR_RST: u32 = 4;
const TCPHDR_PSH: u32 = 8;
const TCPHDR_ACK: u32 = 16;
const TCPHDR_URG: u32 = 32;
const TCPHDR_SIX: u32 = 0x3f;

/** Whether such flags can be meant (SYN and FIN together cannot). `flags`: byte 13 of the header. */
export function nfTcpFlagsValid(flags: u32): bool {
  const f = flags & TCPHDR_SIX & ~TCPHDR_PSH;
  if (f === TCPHDR_ACK) return true;
  switch (f) {
    case TCPHDR_SYN:
    case TCPHDR_SYN | TCPHDR_URG:
    case TCPHDR_SYN | TCPHDR_ACK:
    case TCPHDR_RST:
    case TCPHDR_RST | TCPHDR_ACK:
    case TCPHDR_FIN | TCPHDR_ACK:
    case TCPHDR_FIN | TCPHDR_ACK | TCPHDR_URG:
    case TCPHDR_ACK | TCPHDR_URG:
      return true;
    default:
      return false;
  }
}

export function nfTcpKind(flags: u32): u32 {
  if ((flags & (TCPHDR_RST | TCPHDR_SYN | TCPHDR_FIN)) === 0) {
    return (flags & TCPHDR_ACK) !== 0 ? TCP_ACK_SET : TCP_NONE_SET;
  }
  if ((flags & TCPHDR_RST) !== 0) return TCP_RST_SET;
  if ((flags & TCPHDR_SYN) !== 0) return (flags & TCPHDR_ACK) !== 0 ? TCP_SYNACK_SET : TCP_SYN_SET;
  return TCP_FIN_SET;
}
