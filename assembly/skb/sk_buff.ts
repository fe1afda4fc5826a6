/**
 * sk_buff: one packet on its way. A 128-byte record of the skb pool; its bytes lie in a reference-counted buffer
 * slot (linear part) and in fragments. Linux: include/linux/skbuff.h.
 *
 *   slot   head                data                data+linear            end
 *           ├──── headroom ─────┼── headers, payload ──┼──── tailroom ─────┤
 *   frags  FragTable { n, refs } ─► { ptr, len, owner } ...        len = linear + dataLen
 *
 * Who is given an skb owns it, and ends it in exactly one of: pass on, consumeSkb, kfreeSkbReason.
 */

@unmanaged
@final
export class SkBuff {
  /** Link of the list or queue that the skb is in. */
  next: usize;
  /** NetDevice: received from, or to be sent by. */
  dev: usize;
  /** First byte of the buffer slot, and one past its last. */
  head: usize;
  end: usize;
  /** First byte of the packet as the current layer sees it. */
  data: usize;
  /** Bytes of the packet from `data`, fragments included; bytes in fragments. */
  len: u32;
  dataLen: u32;
  /** FragTable, or 0. */
  frags: usize;
  /** Addresses of the headers; 0 when not known. */
  macHeader: usize;
  networkHeader: usize;
  transportHeader: usize;
  /** FibNh (route/) that this packet goes by; valid until the burst ends. */
  dst: usize;
  /** Ethertype in host order, and of the VLAN tag that was taken off or is to be put on (0: none): one word of both. */
  protocol: u16;
  vlanProto: u16;
  /** PACKET_* */
  pktType: u8;
  /** CHECKSUM_* */
  ipSummed: u8;
  /** CHECKSUM_PARTIAL: where summing starts, from head; where the sum goes, from csumStart. */
  csumStart: u16;
  csumOffset: u16;
  /** Transmit queue. */
  queueMapping: u16;
  /** CHECKSUM_COMPLETE: sum of the bytes from `data`. */
  csum: u32;
  /** Bytes of payload per segment, 0 when not GSO; segments; SKB_GSO_*. */
  gsoSize: u16;
  gsoSegs: u16;
  gsoType: u8;
  /** SKB_F_* */
  flags: u8;
  vlanTci: u16;
  mark: u32;
  hash: u32;
  priority: u32;
  /** ifindex that the packet came in by (IPCB(skb)->iif); survives a change of dev. */
  iif: i32;
  /** Nanoseconds when it was received; 0 when not known. */
  tstamp: u64;
  /** Number of the frame that it came in by, while frames are traced (skb/trace); clones have it, too. */
  traceId: u32;
  nfct: usize;
  /** Private to the layer that holds the skb: 24 bytes (IPCB, IP6CB, GRO, neighbour queue). */
  cb0: u32;
  cb1: u32;
  cb2: u32;
  cb3: u32;
  cb4: u32;
  cb5: u32;
}

export const SKB_BYTES: u32 = 128;

// Linux: include/uapi/linux/if_packet.h
export const PACKET_HOST: u8 = 0;
export const PACKET_BROADCAST: u8 = 1;
export const PACKET_MULTICAST: u8 = 2;
export const PACKET_OTHERHOST: u8 = 3;
export const PACKET_OUTGOING: u8 = 4;
export const PACKET_LOOPBACK: u8 = 5;

export const CHECKSUM_NONE: u8 = 0;
/** The device, or the sender on this machine, vouches for the transport checksum. */
export const CHECKSUM_UNNECESSARY: u8 = 1;
export const CHECKSUM_COMPLETE: u8 = 2;
/** The checksum field holds the pseudo-header's sum; whoever sends it on a wire fills in the rest. */
export const CHECKSUM_PARTIAL: u8 = 3;

export const SKB_GSO_TCPV4: u8 = 1;
export const SKB_GSO_TCPV6: u8 = 2;
export const SKB_GSO_UDP_L4: u8 = 4;
/** With TCPV4/6: the segments carry ECN's CWR in the first only. */
export const SKB_GSO_TCP_ECN: u8 = 8;
/** Header checks are the sender's word (a TAP's vnet header). */
export const SKB_GSO_DODGY: u8 = 16;
/** All segments have the same IPv4 id, as they came (with DF it means nothing: RFC 6864 §4.1). */
export const SKB_GSO_TCP_FIXEDID: u8 = 32;

/** Another skb has the same buffer: it must not be written to. */
export const SKB_F_CLONED: u8 = 1;
/** Came over a hop inside the core (veth, loopback): its checksum needs no check. */
export const SKB_F_LOCAL: u8 = 2;
/** Sent by this namespace itself, and already through LOCAL_OUT. */
export const SKB_F_NFTRACE: u8 = 4;
/** May be fragmented although DF is set, or larger than the MTU (Linux: skb->ignore_df). */
export const SKB_F_IGNORE_DF: u8 = 8;
/** Forwarded (IPSKB_FORWARDED). */
export const SKB_F_FORWARDED: u8 = 16;
/** Made by GRO out of several frames. */
export const SKB_F_GRO: u8 = 32;
/** pktType is known although the frame stands at its Ethernet header (a source macvlan's backlog). */
export const SKB_F_PKT_TYPE: u8 = 64;
/** Nothing decided about it so far but what all packets like it share (netfilter/nf_forward_path). */
export const SKB_F_PATH: u8 = 128;

/** Bytes in the linear part. */
export function skbHeadlen(skb: SkBuff): u32 {
  return skb.len - skb.dataLen;
}

export function skbHeadroom(skb: SkBuff): u32 {
  return skb.data - skb.head;
}

/** Zeroes the private bytes: a layer that leaves something there clears it before the packet goes to the next. */
export function skbCbClear(skb: SkBuff): void {
  const p = changetype<usize>(skb) + offsetof<SkBuff>('cb0');
  store<u64>(p, 0);
  store<u64>(p, 0, 8);
  store<u64>(p, 0, 16);
}

/** In line: read once per packet. */
export class SkbWord {
  /** `protocol` with `vlanProto` above it: what decides who receives the packet. */
  @inline
  static protocols(skb: SkBuff): u32 {
    return load<u32>(changetype<usize>(skb), offsetof<SkBuff>('protocol'));
  }

  /** `pktType` with `ipSummed` above it. */
  @inline
  static types(skb: SkBuff): u32 {
    return <u32>load<u16>(changetype<usize>(skb), offsetof<SkBuff>('pktType'));
  }
}
