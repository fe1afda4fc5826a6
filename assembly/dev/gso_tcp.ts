/**
 * The TCP headers of GSO segments: sequence numbers, flags, checksums. Linux: net/ipv4/tcp_offload.c.
 *
 *   CWR       only in the first: the peer counts one reduction (RFC 3168 §6.1.2)
 *   FIN, PSH  only in the last, whose end they mean
 */
import { csumFold, csumFrom64, csumPartial } from '../lib/checksum';
import { SkBuff } from '../skb/sk_buff';
import { IPPROTO_TCP } from '../wire/ipv4';
import { TCP_CHECK_OFFSET, TCPHDR_CWR, TCPHDR_FIN, TCPHDR_PSH, tcpDoff, tcpSeq } from '../wire/tcp';
import { pseudoSum, skbPartialCsumSet } from './checksum_help';

/** The flags lie in the second byte of the word at 12, which a little-endian load puts into the high half. */
const CWR: u32 = TCPHDR_CWR << 8;
const FIN_PSH: u32 = (TCPHDR_FIN | TCPHDR_PSH) << 8;

/** `first`: the list, with copies of one header, IP lengths set and the payloads' sums in csum (unless `partial`). */
export function gsoTcpSegments(first: SkBuff, mss: u32, partial: bool): void {
  const th = first.transportHeader;
  const thlen = tcpDoff(th);
  const word = <u32>load<u16>(th, 12);
  let seq = tcpSeq(th);
  // What all segments have in common is summed once.
  store<u32>(th, 0, 4);
  store<u16>(th, 0, 12);
  store<u16>(th, 0, TCP_CHECK_OFFSET);
  const pseudo = pseudoSum(first.networkHeader, 0, IPPROTO_TCP);
  const sum = <u64>csumPartial(th, thlen, pseudo);
  let flags = word & ~FIN_PSH;
  let at = changetype<usize>(first);
  while (at !== 0) {
    const segment = changetype<SkBuff>(at);
    at = segment.next;
    if (at === 0) flags |= word & FIN_PSH;
    const header = segment.transportHeader;
    const len = segment.len - (header - segment.data);
    const seqBe = bswap<u32>(seq);
    store<u32>(header, seqBe, 4);
    store<u16>(header, <u16>flags, 12);
    // A length in network order is its number shifted by 8, the carry folded later: see csumTcpUdpNofold.
    const lenSum = (<u64>len) << 8;
    if (partial) {
      skbPartialCsumSet(segment, header, TCP_CHECK_OFFSET, csumFrom64(<u64>pseudo + lenSum));
    } else {
      store<u16>(header, csumFold(csumFrom64(sum + seqBe + flags + lenSum + segment.csum)), TCP_CHECK_OFFSET);
    }
    segment.csum = 0;
    seq += mss;
    flags &= ~CWR;
  }
}
