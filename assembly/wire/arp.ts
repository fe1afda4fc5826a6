/**
 * ARP for IPv4 over Ethernet (RFC 826): the only combination that is accepted.
 *
 *   0                   1                   2                   3
 *   0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1
 *  +-------------------------------+-------------------------------+
 *  |        hardware type          |         protocol type         |
 *  +---------------+---------------+-------------------------------+
 *  |    hln = 6    |    pln = 4    |           operation           |
 *  +---------------+---------------+-------------------------------+
 *  |               sender hardware address (8..13)                 |
 *  |                               +-------------------------------+
 *  |                               |  sender IP address (14..17)   |
 *  +-------------------------------+-------------------------------+
 *  |          (sender IP)          | target hardware addr (18..23) |
 *  +-------------------------------+                               |
 *  |                                                               |
 *  +---------------------------------------------------------------+
 *  |                  target IP address (24..27)                   |
 *  +---------------------------------------------------------------+
 */
import { WIRE_HDR_LEN, WIRE_OK, WIRE_SHORT, WIRE_VERSION } from './check';
import { ETH_ALEN, ETH_P_IP, etherAddrCopy } from './ethernet';

export const ARP_HDR_LEN: u32 = 28;
export const ARPHRD_ETHER: u32 = 1;
export const ARPHRD_IEEE802: u32 = 6;
export const ARPOP_REQUEST: u32 = 1;
export const ARPOP_REPLY: u32 = 2;
export const ARPOP_RREQUEST: u32 = 3;
export const ARPOP_RREPLY: u32 = 4;

/** Any operation passes. Linux takes the hardware type of IEEE 802 networks on Ethernet, too (RFC 1042). */
export function checkArp(p: usize, len: u32): i32 {
  if (len < ARP_HDR_LEN) return WIRE_SHORT;
  const hrd = arpHrd(p);
  if (hrd !== ARPHRD_ETHER && hrd !== ARPHRD_IEEE802) return WIRE_VERSION;
  if (arpPro(p) !== ETH_P_IP) return WIRE_VERSION;
  if (arpHln(p) !== ETH_ALEN || arpPln(p) !== 4) return WIRE_HDR_LEN;
  return WIRE_OK;
}

export function arpHrd(p: usize): u32 {
  return bswap<u16>(load<u16>(p));
}

export function arpPro(p: usize): u32 {
  return bswap<u16>(load<u16>(p, 2));
}

export function arpHln(p: usize): u32 {
  return load<u8>(p, 4);
}

export function arpPln(p: usize): u32 {
  return load<u8>(p, 5);
}

export function arpOp(p: usize): u32 {
  return bswap<u16>(load<u16>(p, 6));
}

/** Address of the sender's 6 bytes. */
export function arpSha(p: usize): usize {
  return p + 8;
}

/** Sender's IPv4 address, host order. */
export function arpSip(p: usize): u32 {
  return bswap<u32>(load<u32>(p, 14));
}

export function arpSipBe(p: usize): u32 {
  return load<u32>(p, 14);
}

/** Address of the target's 6 bytes. */
export function arpTha(p: usize): usize {
  return p + 18;
}

/** Target's IPv4 address, host order. */
export function arpTip(p: usize): u32 {
  return bswap<u32>(load<u32>(p, 24));
}

export function arpTipBe(p: usize): u32 {
  return load<u32>(p, 24);
}

/** `sha` and `tha` point to 6 bytes; `tha` 0 writes zeros, as a request does. IP addresses in host order. */
export function emitArp(p: usize, op: u32, sha: usize, sip: u32, tha: usize, tip: u32): void {
  store<u16>(p, bswap<u16>(<u16>ARPHRD_ETHER));
  store<u16>(p, bswap<u16>(<u16>ETH_P_IP), 2);
  store<u8>(p, <u8>ETH_ALEN, 4);
  store<u8>(p, 4, 5);
  store<u16>(p, bswap<u16>(<u16>op), 6);
  etherAddrCopy(p + 8, sha);
  store<u32>(p, bswap<u32>(sip), 14);
  if (tha !== 0) etherAddrCopy(p + 18, tha);
  else memory.fill(p + 18, 0, 6);
  store<u32>(p, bswap<u32>(tip), 24);
}
