/**
 * Ethernet II header (IEEE 802.3 clause 3, RFC 894) and tests on 48-bit addresses.
 *
 *   0                   1                   2                   3
 *   0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1
 *  +-------------------------------+-------------------------------+
 *  |                   destination address (6)                     |
 *  +-------------------------------+-------------------------------+
 *  |      (destination)            |       source address (6)      |
 *  +-------------------------------+-------------------------------+
 *  |                          (source)                             |
 *  +-------------------------------+-------------------------------+
 *  |          EtherType            |  payload ...
 *  +-------------------------------+
 */
import { WIRE_OK, WIRE_SHORT } from './check';

export const ETH_ALEN: u32 = 6;
export const ETH_HLEN: u32 = 14;
export const ETH_ZLEN: u32 = 60;
export const ETH_DATA_LEN: u32 = 1500;
export const ETH_FRAME_LEN: u32 = 1514;
export const ETH_FCS_LEN: u32 = 4;
export const ETH_MIN_MTU: u32 = 68;
export const ETH_MAX_MTU: u32 = 0xffff;

export const ETH_P_LOOP: u32 = 0x0060;
export const ETH_P_IP: u32 = 0x0800;
export const ETH_P_ARP: u32 = 0x0806;
export const ETH_P_RARP: u32 = 0x8035;
export const ETH_P_8021Q: u32 = 0x8100;
export const ETH_P_IPV6: u32 = 0x86dd;
export const ETH_P_PAUSE: u32 = 0x8808;
export const ETH_P_SLOW: u32 = 0x8809;
export const ETH_P_MPLS_UC: u32 = 0x8847;
export const ETH_P_PPP_DISC: u32 = 0x8863;
export const ETH_P_PPP_SES: u32 = 0x8864;
export const ETH_P_PAE: u32 = 0x888e;
export const ETH_P_8021AD: u32 = 0x88a8;
export const ETH_P_LLDP: u32 = 0x88cc;
/** Below this the field is the length of an IEEE 802.3 frame, not a type. */
export const ETH_P_802_3_MIN: u32 = 0x0600;
/** Not on the wire: Linux's names for 802.3 frames without a type, and for "every protocol". */
export const ETH_P_802_3: u32 = 0x0001;
export const ETH_P_ALL: u32 = 0x0003;
export const ETH_P_802_2: u32 = 0x0004;

export function checkEthernet(_p: usize, len: u32): i32 {
  return len < ETH_HLEN ? WIRE_SHORT : WIRE_OK;
}

/** Address of the 6 bytes of the destination. */
export function ethDest(p: usize): usize {
  return p;
}

/** Address of the 6 bytes of the source. */
export function ethSource(p: usize): usize {
  return p + 6;
}

export function ethProto(p: usize): u32 {
  return bswap<u16>(load<u16>(p, 12));
}

export function ethProtoBe(p: usize): u32 {
  return load<u16>(p, 12);
}

export function ethSetProto(p: usize, proto: u32): void {
  store<u16>(p, bswap<u16>(<u16>proto), 12);
}

/** `dest` and `source` point to 6 bytes each. */
export function emitEthernet(p: usize, dest: usize, source: usize, proto: u32): void {
  etherAddrCopy(p, dest);
  etherAddrCopy(p + 6, source);
  ethSetProto(p, proto);
}

export function etherAddrCopy(to: usize, from: usize): void {
  const low = load<u32>(from);
  const high = load<u16>(from, 4);
  store<u32>(to, low);
  store<u16>(to, high, 4);
}

export function etherAddrEqual(a: usize, b: usize): bool {
  return load<u32>(a) === load<u32>(b) && load<u16>(a, 4) === load<u16>(b, 4);
}

/** The group bit; broadcast has it, too. */
export function isMulticastEtherAddr(a: usize): bool {
  return (load<u8>(a) & 1) !== 0;
}

export function isBroadcastEtherAddr(a: usize): bool {
  return load<u32>(a) === 0xffffffff && load<u16>(a, 4) === 0xffff;
}

export function isZeroEtherAddr(a: usize): bool {
  return (load<u32>(a) | load<u16>(a, 4)) === 0;
}

/** The locally-administered bit. */
export function isLocalEtherAddr(a: usize): bool {
  return (load<u8>(a) & 2) !== 0;
}

/** What an interface may have as its own: neither a group nor zero. */
export function isValidEtherAddr(a: usize): bool {
  return !isMulticastEtherAddr(a) && !isZeroEtherAddr(a);
}

/** 01:80:c2:00:00:0x, which a bridge must not forward (IEEE 802.1D table 7-10). */
export function isLinkLocalEtherAddr(a: usize): bool {
  return load<u32>(a) === 0x00c28001 && (load<u16>(a, 4) & 0xf0ff) === 0;
}
