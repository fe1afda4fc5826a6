/**
 * GRO of TCP: which segments continue each other. Linux: net/ipv4/tcp_offload.c, tcp_gro_receive.
 *
 *   new flow, payload, none of URG PSH RST SYN FIN ─► held
 *   continues the held one                         ─► merged; shorter than the others, FIN or PSH: that was the last
 *   anything else of its flow                      ─► the held one goes up first
 */
import { SkBuff, skbHeadlen } from '../skb/sk_buff';
import {
  TCP_CHECK_OFFSET,
  TCP_HDR_LEN,
  TCPHDR_CWR,
  TCPHDR_FIN,
  TCPHDR_PSH,
  TCPHDR_RST,
  TCPHDR_SYN,
  TCPHDR_URG,
  tcpDoff,
  tcpSeq,
} from '../wire/tcp';
import { GroCb } from './gro_table';

/** Flags that stand alone, and those that end a packet. */
const ALONE: u32 = TCPHDR_URG | TCPHDR_PSH | TCPHDR_RST | TCPHDR_SYN | TCPHDR_FIN;
const LAST: u32 = TCPHDR_FIN | TCPHDR_PSH;
/** In the word at 12 (offset, flags, window), as a little-endian load shows it: what segments may differ in. */
const MAY_DIFFER: u32 = (TCPHDR_CWR | TCPHDR_FIN | TCPHDR_PSH) << 8;

/** Length of all headers from the network header, whose length is `nhlen`; 0 when they are not all there. */
export function groTcpHlen(skb: SkBuff, nhlen: u32): u32 {
  const headlen = skbHeadlen(skb);
  if (headlen < nhlen + TCP_HDR_LEN) return 0;
  const thlen = tcpDoff(skb.data + nhlen);
  return thlen < TCP_HDR_LEN || nhlen + thlen > headlen ? 0 : nhlen + thlen;
}

/** A segment with these flags may be held. A checksum of 0xffff verifies where 0 belongs, but GSO would write 0. */
export function groTcpHolds(th: usize): bool {
  return (<u32>load<u8>(th, 13) & ALONE) === 0 && load<u16>(th, TCP_CHECK_OFFSET) !== 0xffff;
}

/** FIN and PSH of a segment: the packet ends with it. */
export function groTcpLast(th: usize): u32 {
  return <u32>load<u8>(th, 13) & LAST;
}

/** The segment with header `b` of `thlen` bytes is the next of the held one with `a`, and says nothing else. */
export function groTcpContinues(cb: GroCb, a: usize, b: usize, thlen: u32): bool {
  if (cb.seq !== tcpSeq(b)) return false;
  const word = load<u32>(b, 12);
  if (((word ^ load<u32>(a, 12)) & ~MAY_DIFFER) !== 0 || (word & (TCPHDR_CWR << 8)) !== 0) return false;
  // Acknowledgement number, urgent pointer.
  if (load<u32>(a, 8) !== load<u32>(b, 8) || load<u16>(a, 18) !== load<u16>(b, 18)) return false;
  for (let i: u32 = TCP_HDR_LEN; i < thlen; i += 4) {
    if (load<u32>(a + i) !== load<u32>(b + i)) return false;
  }
  return load<u16>(b, TCP_CHECK_OFFSET) !== 0xffff;
}
