/** The IP headers of GSO segments: lengths, IPv4 ids and checksums. Linux: inet_gso_segment, ipv6_gso_segment. */
import { csumFold, csumFrom64, csumPartial } from '../lib/checksum';
import { SkBuff } from '../skb/sk_buff';
import { ipv4Id, ipv4Ihl, ipv4Version } from '../wire/ipv4';
import { IPV6_HDR_LEN, ipv6SetPayloadLen } from '../wire/ipv6';

/** `first`: the list, with copies of one header. Ids count up from the first one's, unless all are to be the same. */
export function gsoIpSegments(first: SkBuff, fixedId: bool): void {
  if (ipv4Version(first.networkHeader) === 4) ipv4Segments(first, fixedId);
  else ipv6Segments(first);
}

function ipv4Segments(first: SkBuff, fixedId: bool): void {
  const iph = first.networkHeader;
  let id = ipv4Id(iph);
  const step: u32 = fixedId ? 0 : 1;
  store<u16>(iph, 0, 2);
  store<u16>(iph, 0, 4);
  store<u16>(iph, 0, 10);
  const sum = <u64>csumPartial(iph, ipv4Ihl(iph), 0);
  let at = changetype<usize>(first);
  while (at !== 0) {
    const segment = changetype<SkBuff>(at);
    const header = segment.networkHeader;
    const lenBe = bswap<u16>(<u16>(segment.len - (header - segment.data)));
    const idBe = bswap<u16>(<u16>id);
    store<u16>(header, lenBe, 2);
    store<u16>(header, idBe, 4);
    store<u16>(header, csumFold(csumFrom64(sum + lenBe + idBe)), 10);
    id += step;
    at = segment.next;
  }
}

function ipv6Segments(first: SkBuff): void {
  let at = changetype<usize>(first);
  while (at !== 0) {
    const segment = changetype<SkBuff>(at);
    const header = segment.networkHeader;
    ipv6SetPayloadLen(header, segment.len - (header - segment.data) - IPV6_HDR_LEN);
    at = segment.next;
  }
}
