/** What a device can take over from the stack (Linux: include/linux/netdev_features.h), as bits of our own. */
export enum NetifF {
  /** Fills any one's complement checksum from csum_start/csum_offset. */
  HW_CSUM = 1,
  /** Takes TCP segments larger than the MTU. */
  TSO = 2,
  TSO6 = 4,
  GSO_UDP_L4 = 8,
  /** Takes fragments (gather). */
  SG = 16,
  /** Received frames go through GRO. */
  GRO = 32,
  /** Receive checksums are verified by the device, or frames carry partial ones. */
  RXCSUM = 64,
  /** The driver transmits without any queue: no qdisc (loopback, veth). */
  LLTX = 128,
  /** GRO merges UDP, too (Linux: rx-udp-gro-forwarding); the datagrams are forwarded as they came. */
  GRO_UDP_FWD = 256,
  /** Takes a VLAN tag beside the frame (skb.vlanTci) and puts it in itself. */
  HW_VLAN_TX = 512,
}

/** virtio_net_hdr (Linux: include/uapi/linux/virtio_net.h). */
export enum VirtioNetHdr {
  FLAGS = 0,
  GSO_TYPE = 1,
  HDR_LEN = 2,
  GSO_SIZE = 4,
  CSUM_START = 6,
  CSUM_OFFSET = 8,
}
export const VIRTIO_NET_HDR_F_NEEDS_CSUM: u32 = 1;
export const VIRTIO_NET_HDR_F_DATA_VALID: u32 = 2;
export const VIRTIO_NET_HDR_GSO_NONE: u32 = 0;
export const VIRTIO_NET_HDR_GSO_TCPV4: u32 = 1;
export const VIRTIO_NET_HDR_GSO_UDP: u32 = 3;
export const VIRTIO_NET_HDR_GSO_TCPV6: u32 = 4;
export const VIRTIO_NET_HDR_GSO_UDP_L4: u32 = 5;
export const VIRTIO_NET_HDR_GSO_ECN: u32 = 0x80;
