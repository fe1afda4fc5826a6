/**
 * virtio_net_hdr to skb and back: how a TAP or a virtio port says that a checksum is still to be filled in, or that a
 * frame stands for many. Linux: include/linux/virtio_net.h, drivers/net/tun.c.
 *
 *   Ethernet │ IP │ TCP │ payload                csum_start counts from the Ethernet header,
 *   ├─ csum_start ─►├─ csum_offset ─►            skb.csumStart from skb.head
 */
import {
  VIRTIO_NET_HDR_F_DATA_VALID,
  VIRTIO_NET_HDR_F_NEEDS_CSUM,
  VIRTIO_NET_HDR_GSO_ECN,
  VIRTIO_NET_HDR_GSO_NONE,
  VIRTIO_NET_HDR_GSO_TCPV4,
  VIRTIO_NET_HDR_GSO_TCPV6,
  VIRTIO_NET_HDR_GSO_UDP_L4,
} from '../abi/features';
import {
  CHECKSUM_PARTIAL,
  CHECKSUM_UNNECESSARY,
  SKB_GSO_DODGY,
  SKB_GSO_TCP_ECN,
  SKB_GSO_TCPV4,
  SKB_GSO_TCPV6,
  SKB_GSO_UDP_L4,
  SkBuff,
  skbHeadlen,
} from '../skb/sk_buff';
import { pskbMayPull } from '../skb/skbuff';
import { ETH_P_IP, ETH_P_IPV6 } from '../wire/ethernet';
import { IPPROTO_TCP, IPPROTO_UDP, IPV4_HDR_LEN } from '../wire/ipv4';
import { TCP_CHECK_OFFSET, TCP_HDR_LEN } from '../wire/tcp';
import { UDP_CHECK_OFFSET, UDP_HDR_LEN } from '../wire/udp';
import {
  emitVirtioNetHdr,
  VIRTIO_NET_HDR_LEN,
  virtioNetCsumOffset,
  virtioNetCsumStart,
  virtioNetFlags,
  virtioNetGsoSize,
  virtioNetGsoType,
} from '../wire/virtio_net';
import { pseudoSum, skbPartialCsumSet } from './checksum_help';
import { gsoTransportHdrLen, gsoTransportOffset } from './gso_headers';
import { VLAN_DEPTH_BAD, vlanDepth } from './vlan_depth';

/** Linux: GSO_BY_FRAGS, no size. */
const GSO_BY_FRAGS: u32 = 0xffff;

/**
 * Reads the header at `hdr` for a received frame, data at its network header. False: it does not fit the frame, which
 * is to be dropped. Differs: a GSO type must be true of the packet's headers here already, and one without NEEDS_CSUM
 * gets a partial checksum, so that every GSO packet of the core has one.
 */
export function virtioNetHdrToSkb(skb: SkBuff, hdr: usize): bool {
  // All fields first: `hdr` may lie in the slot, which pulling can replace.
  const flags = virtioNetFlags(hdr);
  const type = virtioNetGsoType(hdr);
  const gsoSize = virtioNetGsoSize(hdr);
  const start = virtioNetCsumStart(hdr);
  const csumOffset = virtioNetCsumOffset(hdr);

  if ((flags & VIRTIO_NET_HDR_F_NEEDS_CSUM) !== 0) {
    if (!needsCsum(skb, start, csumOffset)) return false;
  } else if ((flags & VIRTIO_NET_HDR_F_DATA_VALID) !== 0) {
    skb.ipSummed = CHECKSUM_UNNECESSARY;
  }
  if (type === VIRTIO_NET_HDR_GSO_NONE) return true;
  // A trunk's frame has its tags between the Ethernet header and the packet.
  const network = vlanDepth(skb, 0);
  if (network === VLAN_DEPTH_BAD) return false;
  const gsoType = gsoTypeOf(type, bswap<u16>(load<u16>(skb.data + network - 2)));
  if (gsoType === 0 || gsoSize === 0 || gsoSize === GSO_BY_FRAGS) return false;
  return gso(skb, network, gsoType, gsoSize);
}

/** CHECKSUM_PARTIAL, every bound checked; the bytes up to the field become linear. */
function needsCsum(skb: SkBuff, start: u32, csumOffset: u32): bool {
  const mac = skb.data - skb.macHeader;
  if (start < mac + IPV4_HDR_LEN) return false;
  const transport = start - mac;
  if (!pskbMayPull(skb, transport + csumOffset + 2)) return false;
  const fromHead = skb.data + transport - skb.head;
  if (fromHead > 0xffff) return false;
  skb.ipSummed = CHECKSUM_PARTIAL;
  skb.csumStart = <u16>fromHead;
  skb.csumOffset = <u16>csumOffset;
  skb.transportHeader = skb.data + transport;
  return true;
}

/** SKB_GSO_* of a virtio GSO type that suits the ethertype; 0 for others, UFO among them. */
function gsoTypeOf(type: u32, protocol: u32): u32 {
  const ecn: u32 = (type & VIRTIO_NET_HDR_GSO_ECN) !== 0 ? SKB_GSO_TCP_ECN : 0;
  switch (type & ~VIRTIO_NET_HDR_GSO_ECN) {
    case VIRTIO_NET_HDR_GSO_TCPV4:
      return protocol === ETH_P_IP ? SKB_GSO_TCPV4 | ecn : 0;
    case VIRTIO_NET_HDR_GSO_TCPV6:
      return protocol === ETH_P_IPV6 ? SKB_GSO_TCPV6 | ecn : 0;
    case VIRTIO_NET_HDR_GSO_UDP_L4:
      return ecn === 0 && (protocol === ETH_P_IP || protocol === ETH_P_IPV6) ? SKB_GSO_UDP_L4 : 0;
    default:
      return 0;
  }
}

/** `network`: offset of the IP header from skb.data. */
function gso(skb: SkBuff, network: u32, gsoType: u32, gsoSize: u32): bool {
  const offset = gsoTransportOffset(skb, network, gsoType);
  if (offset === 0) return false;
  const udp = (gsoType & SKB_GSO_UDP_L4) !== 0;
  const checkOffset = udp ? UDP_CHECK_OFFSET : TCP_CHECK_OFFSET;
  const transport = skb.data + offset;
  const hlen = offset + gsoTransportHdrLen(skb, offset, gsoType);
  if (skb.ipSummed === CHECKSUM_PARTIAL) {
    if (skb.head + skb.csumStart !== transport || <u32>skb.csumOffset !== checkOffset) return false;
  } else {
    if (transport - skb.head > 0xffff) return false;
    const sum = pseudoSum(skb.data + network, skb.len - offset, udp ? IPPROTO_UDP : IPPROTO_TCP);
    skbPartialCsumSet(skb, transport, checkOffset, sum);
  }
  skb.transportHeader = transport;
  const payload = skb.len - hlen;
  // Linux: "Too small packets are not really GSO ones."
  if (payload <= gsoSize) return true;
  skb.gsoSize = <u16>gsoSize;
  skb.gsoSegs = <u16>((payload + gsoSize - 1) / gsoSize);
  skb.gsoType = <u8>(gsoType | SKB_GSO_DODGY);
  return true;
}

/** Writes the header of `len` (10 or 12) bytes for a frame to be sent, data at its Ethernet header. */
export function virtioNetHdrFromSkb(skb: SkBuff, hdr: usize, len: u32): void {
  let flags: u32 = 0;
  let start: u32 = 0;
  let csumOffset: u32 = 0;
  const headroom = skb.data - skb.head;
  if (skb.ipSummed === CHECKSUM_PARTIAL && <u32>skb.csumStart >= headroom) {
    const at = <u32>skb.csumStart - headroom;
    // The packet may have been cut since: the receiver would refuse a field outside it.
    if (at + skb.csumOffset + 2 <= skb.len) {
      flags = VIRTIO_NET_HDR_F_NEEDS_CSUM;
      start = at;
      csumOffset = skb.csumOffset;
    }
  }
  let type: u32 = VIRTIO_NET_HDR_GSO_NONE;
  let gsoSize: u32 = 0;
  let hdrLen: u32 = 0;
  if (skb.gsoSize !== 0) {
    const gsoType: u32 = skb.gsoType;
    gsoSize = skb.gsoSize;
    if ((gsoType & SKB_GSO_TCPV4) !== 0) type = VIRTIO_NET_HDR_GSO_TCPV4;
    else if ((gsoType & SKB_GSO_TCPV6) !== 0) type = VIRTIO_NET_HDR_GSO_TCPV6;
    else type = VIRTIO_NET_HDR_GSO_UDP_L4;
    if ((gsoType & SKB_GSO_TCP_ECN) !== 0) type |= VIRTIO_NET_HDR_GSO_ECN;
    hdrLen = headersLen(skb, gsoType);
  }
  emitVirtioNetHdr(hdr, flags, type, hdrLen, gsoSize, start, csumOffset);
  if (len > VIRTIO_NET_HDR_LEN) store<u16>(hdr, 0, VIRTIO_NET_HDR_LEN);
}

/** hdr_len: "the device MAY use it as a hint" (VIRTIO 1.2 §5.1.6.2); the linear part when the headers are not known. */
function headersLen(skb: SkBuff, gsoType: u32): u32 {
  const linear = skbHeadlen(skb);
  if (skb.transportHeader < skb.data) return min(linear, 0xffff);
  const offset = skb.transportHeader - skb.data;
  const least = (gsoType & SKB_GSO_UDP_L4) !== 0 ? UDP_HDR_LEN : TCP_HDR_LEN;
  if (offset > linear || linear - offset < least) return min(linear, 0xffff);
  return offset + gsoTransportHdrLen(skb, offset, gsoType);
}
