/** The UDP headers of GSO segments: each is a datagram of its own. Linux: __udp_gso_segment (net/ipv4/udp_offload.c). */
import { csumFold, csumFrom64 } from '../lib/checksum';
import { SkBuff } from '../skb/sk_buff';
import { IPPROTO_UDP } from '../wire/ipv4';
import { UDP_CHECK_OFFSET, udpSetCheckBe, udpSetLen } from '../wire/udp';
import { CSUM_MANGLED_0, pseudoSum, skbPartialCsumSet } from './checksum_help';

/**
 * `first`: the list, with copies of one header and the payloads' sums in csum (unless `partial`). `none`: the
 * sender makes no checksums (RFC 768), and that stays so.
 */
export function gsoUdpSegments(first: SkBuff, partial: bool, none: bool): void {
  const pseudo = pseudoSum(first.networkHeader, 0, IPPROTO_UDP);
  const ports = load<u32>(first.transportHeader);
  let at = changetype<usize>(first);
  while (at !== 0) {
    const segment = changetype<SkBuff>(at);
    at = segment.next;
    const uh = segment.transportHeader;
    const len = segment.len - (uh - segment.data);
    const lenSum = (<u64>len) << 8;
    udpSetLen(uh, len);
    if (none) {
      udpSetCheckBe(uh, 0);
    } else if (partial) {
      skbPartialCsumSet(segment, uh, UDP_CHECK_OFFSET, csumFrom64(<u64>pseudo + lenSum));
    } else {
      const check = csumFold(csumFrom64(<u64>pseudo + ports + lenSum + lenSum + segment.csum));
      udpSetCheckBe(uh, check === 0 ? CSUM_MANGLED_0 : check);
    }
    segment.csum = 0;
  }
}
