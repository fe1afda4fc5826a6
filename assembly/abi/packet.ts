/**
 * AF_PACKET receive rings that the core reads itself (dev/tpacket): the requests that name one, the record that the
 * driver looks at, and the slots as Linux fills them.
 *
 *   block 0                                block 1
 *   ├─ slot ─┬─ slot ─┬─ ... ─┬─ unused ─┼─ slot ─┬─ ...        BLOCK_BYTES / FRAME_BYTES slots a block
 *      │
 *      └► tpacket2_hdr │ sockaddr_ll │ ... │ virtio_net_hdr │ frame     at MAC - vnet header, MAC
 */

/** PACKET_RING_NEW and PACKET_RING_DEL. */
export enum PacketRingRec {
  /** u32: the port's device handle. */
  HANDLE = 0,
  /** u32: address of the ring in linear memory; blocks, their bytes, bytes of a slot, bytes of the vnet header. */
  BASE = 4,
  BLOCKS = 8,
  BLOCK_BYTES = 12,
  FRAME_BYTES = 16,
  VNET_HDR_LEN = 20,
  /** u32, out: address of the TpacketRing record. */
  RING = 24,
  SIZE = 32,
}

/** What the driver sees of a ring's record; behind it lies what only the core uses. */
export enum TpacketRing {
  /** u32: address of the header of the slot that is read next. */
  SLOT = 0,
  /** u32: frames that the core may still take before the next rx(). */
  CREDIT = 4,
  /** u32: frames that did not fit their slot, or whose descriptor made no sense. */
  BAD = 8,
  /** u32: 1 while the slot that is next is still held by a packet: rx() would be of no use. */
  HELD = 12,
  SIZE = 16,
}

/** struct tpacket2_hdr. Linux: include/uapi/linux/if_packet.h. */
export enum Tpacket2Hdr {
  STATUS = 0,
  LEN = 4,
  SNAPLEN = 8,
  /** u16: where the frame begins, from the header on. */
  MAC = 12,
  NET = 14,
  SEC = 16,
  NSEC = 20,
  /** u16: the tag that was taken out of the frame, if STATUS says so. */
  VLAN_TCI = 24,
  VLAN_TPID = 26,
  SIZE = 32,
}
export const TP_STATUS_KERNEL: u32 = 0;
export const TP_STATUS_USER: u32 = 1;
export const TP_STATUS_COPY: u32 = 2;
export const TP_STATUS_LOSING: u32 = 4;
export const TP_STATUS_CSUMNOTREADY: u32 = 8;
export const TP_STATUS_VLAN_VALID: u32 = 0x10;
export const TP_STATUS_VLAN_TPID_VALID: u32 = 0x40;
export const TP_STATUS_CSUM_VALID: u32 = 0x80;
