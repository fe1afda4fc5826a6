/**
 * GRO of UDP for forwarding (NetifF.GRO_UDP_FWD): datagrams of one flow and one length become a UDP_L4 packet, which
 * GSO turns into the same datagrams again. Linux: udp_gro_receive_segment (net/ipv4/udp_offload.c).
 */
import { SkBuff, skbHeadlen } from '../skb/sk_buff';
import { UDP_HDR_LEN, udpCheckBe, udpLen } from '../wire/udp';

/** Datagrams that one packet has at most (Linux: UDP_GRO_CNT_MAX). */
export const UDP_GRO_CNT_MAX: u32 = 64;

/** Length of all headers from the network header, whose length is `nhlen`; 0 when they are not all there. */
export function groUdpHlen(skb: SkBuff, nhlen: u32): u32 {
  return skbHeadlen(skb) < nhlen + UDP_HDR_LEN ? 0 : nhlen + UDP_HDR_LEN;
}

/** GSO gives every datagram a checksum, and a length that agrees with IP's, which leaves it `len` bytes. */
export function groUdpPlain(uh: usize, len: u32): bool {
  return udpLen(uh) === len && udpCheckBe(uh) !== 0;
}
