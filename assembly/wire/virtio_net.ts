/**
 * virtio_net_hdr, which precedes each frame of a TAP with IFF_VNET_HDR and of virtio ports (VIRTIO 1.2, 5.1.6;
 * Linux: include/uapi/linux/virtio_net.h). Little-endian, as every machine that we run on and VIRTIO 1 are.
 *
 *   0                   1                   2                   3
 *   0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1
 *  +---------------+---------------+-------------------------------+
 *  |     flags     |   gso_type    |            hdr_len            |
 *  +---------------+---------------+-------------------------------+
 *  |           gso_size            |          csum_start           |
 *  +-------------------------------+-------------------------------+
 *  |          csum_offset          |  num_buffers (12-byte form)   |
 *  +-------------------------------+-------------------------------+
 */
import { WIRE_FIELD, WIRE_OK, WIRE_SHORT } from './check';
import { TCP_CHECK_OFFSET } from './tcp';
import { UDP_CHECK_OFFSET } from './udp';

export const VIRTIO_NET_HDR_LEN: u32 = 10;
export const VIRTIO_NET_HDR_MRG_LEN: u32 = 12;

export const VIRTIO_NET_HDR_F_NEEDS_CSUM: u32 = 1;
export const VIRTIO_NET_HDR_F_DATA_VALID: u32 = 2;
export const VIRTIO_NET_HDR_F_RSC_INFO: u32 = 4;

export const VIRTIO_NET_HDR_GSO_NONE: u32 = 0;
export const VIRTIO_NET_HDR_GSO_TCPV4: u32 = 1;
export const VIRTIO_NET_HDR_GSO_UDP: u32 = 3;
export const VIRTIO_NET_HDR_GSO_TCPV6: u32 = 4;
export const VIRTIO_NET_HDR_GSO_UDP_L4: u32 = 5;
export const VIRTIO_NET_HDR_GSO_ECN: u32 = 0x80;

/**
 * For a header of `hdrLen` bytes in front of a frame of `frameLen`: the checksum field lies in the frame, the GSO
 * type is known and has a size, and is one whose checksum field it is. hdr_len is a hint and is not looked at.
 */
export function checkVirtioNetHdr(p: usize, hdrLen: u32, frameLen: u32): i32 {
  if (hdrLen < VIRTIO_NET_HDR_LEN) return WIRE_SHORT;
  const needsCsum = (virtioNetFlags(p) & VIRTIO_NET_HDR_F_NEEDS_CSUM) !== 0;
  const offset = virtioNetCsumOffset(p);
  if (needsCsum) {
    const start = virtioNetCsumStart(p);
    if (start > frameLen || frameLen - start < 2 || offset > frameLen - start - 2) return WIRE_FIELD;
  }
  const gsoType = virtioNetGsoType(p);
  if (gsoType === VIRTIO_NET_HDR_GSO_NONE) return WIRE_OK;
  if (virtioNetGsoSize(p) === 0) return WIRE_FIELD;
  switch (gsoType & ~VIRTIO_NET_HDR_GSO_ECN) {
    case VIRTIO_NET_HDR_GSO_TCPV4:
    case VIRTIO_NET_HDR_GSO_TCPV6:
      return needsCsum && offset !== TCP_CHECK_OFFSET ? WIRE_FIELD : WIRE_OK;
    case VIRTIO_NET_HDR_GSO_UDP_L4:
    case VIRTIO_NET_HDR_GSO_UDP:
      return needsCsum && offset !== UDP_CHECK_OFFSET ? WIRE_FIELD : WIRE_OK;
    default:
      return WIRE_FIELD;
  }
}

export function virtioNetFlags(p: usize): u32 {
  return load<u8>(p);
}

export function virtioNetGsoType(p: usize): u32 {
  return load<u8>(p, 1);
}

/** Bytes of the headers, as a hint. */
export function virtioNetHdrLen(p: usize): u32 {
  return load<u16>(p, 2);
}

/** Payload bytes of each segment. */
export function virtioNetGsoSize(p: usize): u32 {
  return load<u16>(p, 4);
}

/** Where the checksum begins, from the frame's first byte; it stands csumOffset behind that. */
export function virtioNetCsumStart(p: usize): u32 {
  return load<u16>(p, 6);
}

export function virtioNetCsumOffset(p: usize): u32 {
  return load<u16>(p, 8);
}

/** Only in the 12-byte form. */
export function virtioNetNumBuffers(p: usize): u32 {
  return load<u16>(p, 10);
}

/** Writes the 10-byte form. */
export function emitVirtioNetHdr(
  p: usize,
  flags: u32,
  gsoType: u32,
  hdrLen: u32,
  gsoSize: u32,
  csumStart: u32,
  csumOffset: u32,
): void {
  store<u8>(p, <u8>flags);
  store<u8>(p, <u8>gsoType, 1);
  store<u16>(p, <u16>hdrLen, 2);
  store<u16>(p, <u16>gsoSize, 4);
  store<u16>(p, <u16>csumStart, 6);
  store<u16>(p, <u16>csumOffset, 8);
}

/** The last field of the 12-byte form. */
export function virtioNetSetNumBuffers(p: usize, count: u32): void {
  store<u16>(p, <u16>count, 10);
}
