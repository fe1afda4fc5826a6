/**
 * IPCB(skb): what IPv4 remembers about a packet between its layers, in the skb's private 24 bytes. Zeroed by ip_rcv
 * and by whoever makes a packet. Linux: include/net/ip.h, struct inet_skb_parm; its iif is skb.iif.
 *
 *   cb0          cb1                    cb2      cb3                  cb4    cb5
 *   optlen srr rr ts | optFlags ra cipso 0 | nexthop | fragMaxSize flags | offset end  (fragment queue)
 */
import { SkBuff } from '../skb/sk_buff';

@unmanaged
@final
export class IpCb {
  /** Bytes of options, 0 when there are none (or nobody compiled them yet). */
  optlen: u8;
  /** Offsets of options from the first byte of the header; 0 when there is no such option. */
  srr: u8;
  rr: u8;
  ts: u8;
  /** IPOPT_F_* */
  optFlags: u8;
  routerAlert: u8;
  cipso: u8;
  pad: u8;
  /** Next address of a source route that this router has to go on with (network order). */
  nexthop: u32;
  /** Size of the largest fragment that a reassembled packet came in; 0 when it came in one piece. */
  fragMaxSize: u16;
  /** IPSKB_* */
  flags: u16;
}

export const IPOPT_F_STRICTROUTE: u8 = 1;
export const IPOPT_F_SRR_IS_HIT: u8 = 2;
/** The header differs from what its checksum says. */
export const IPOPT_F_CHANGED: u8 = 4;
export const IPOPT_F_RR_NEEDADDR: u8 = 8;
export const IPOPT_F_TS_NEEDTIME: u8 = 16;
export const IPOPT_F_TS_NEEDADDR: u8 = 32;

/** One of the output fragments of this packet: its reassembly does not count distances. */
export const IPSKB_FRAG_COMPLETE: u16 = 1;
/** Send a redirect while forwarding. */
export const IPSKB_DOREDIRECT: u16 = 2;
/** The largest fragment had DF: fragments made of this packet get it, too. */
export const IPSKB_FRAG_PMTU: u16 = 4;
/** Ours: the linear part and each fragment of the skb are one received IP fragment (Linux: a frag_list). */
export const IPSKB_FRAGLIST: u16 = 8;

const CB_OFFSET: usize = offsetof<SkBuff>('cb0');

export function ipCb(skb: SkBuff): IpCb {
  return changetype<IpCb>(changetype<usize>(skb) + CB_OFFSET);
}

export function ipCbClear(skb: SkBuff): void {
  const p = changetype<usize>(skb) + CB_OFFSET;
  store<u64>(p, 0);
  store<u64>(p, 0, 8);
  store<u64>(p, 0, 16);
}
