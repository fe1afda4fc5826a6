/** Checksums of received TCP and UDP over IPv4. Linux: skb_checksum_init, include/linux/skbuff.h. */
import { csumFold, csumTcpUdpNofold } from '../lib/checksum';
import { CHECKSUM_PARTIAL, CHECKSUM_UNNECESSARY, SkBuff } from '../skb/sk_buff';
import { skbChecksum } from '../skb/skbuff';
import { ipv4DaddrBe, ipv4SaddrBe } from '../wire/ipv4';

/** Whether the checksum over pseudo header and all of the skb (data at the transport header) is right, or vouched for. */
export function transportCsumOk4(skb: SkBuff, proto: u32): bool {
  // CHECKSUM_PARTIAL never left this machine (loopback, veth): nothing could have damaged it.
  if (skb.ipSummed === CHECKSUM_UNNECESSARY || skb.ipSummed === CHECKSUM_PARTIAL) return true;
  const iph = skb.networkHeader;
  const sum = csumTcpUdpNofold(ipv4SaddrBe(iph), ipv4DaddrBe(iph), skb.len, proto, 0);
  return csumFold(skbChecksum(skb, 0, skb.len, sum)) === 0;
}
