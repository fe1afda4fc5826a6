/**
 * BPDUs of the spanning tree protocol (IEEE 802.1D-1998 clause 9), behind the LLC header 42 42 03. Everything is in
 * network order; times are in 1/256 s.
 *
 *    0              2         3        4       5                       13              17
 *   +--------------+---------+--------+-------+-----------------------+---------------+
 *   | protocol 0   | version | type   | flags | root identifier (8)   | root cost     |
 *   +--------------+---------+--------+-------+-----------------------+---------------+
 *   17                      25            27            29          31           33              35
 *   +-----------------------+-------------+-------------+-----------+------------+---------------+
 *   | bridge identifier (8) | port id     | message age | max age   | hello time | forward delay |
 *   +-----------------------+-------------+-------------+-----------+------------+---------------+
 *
 * A topology change notification has the first four bytes only.
 */
import { WIRE_FIELD, WIRE_OK, WIRE_SHORT, WIRE_VERSION } from './check';

export const LLC_HLEN: u32 = 3;
/** DSAP and SSAP 0x42, UI: the first three bytes as they load. */
export const LLC_STP: u32 = 0x034242;

export const BPDU_TYPE_CONFIG: u32 = 0x00;
export const BPDU_TYPE_TCN: u32 = 0x80;
export const BPDU_CONFIG_LEN: u32 = 35;
export const BPDU_TCN_LEN: u32 = 4;
export const BPDU_F_TOPOLOGY_CHANGE: u32 = 0x01;
export const BPDU_F_TOPOLOGY_CHANGE_ACK: u32 = 0x80;

/** `p` is behind the LLC header. 802.1D 9.3.4: at least 35 bytes for a configuration BPDU, 4 for a TCN. */
export function checkBpdu(p: usize, len: u32): i32 {
  if (len < BPDU_TCN_LEN) return WIRE_SHORT;
  if (load<u16>(p) !== 0 || load<u8>(p, 2) !== 0) return WIRE_VERSION;
  const type = bpduType(p);
  if (type === BPDU_TYPE_TCN) return WIRE_OK;
  if (type !== BPDU_TYPE_CONFIG) return WIRE_FIELD;
  if (len < BPDU_CONFIG_LEN) return WIRE_SHORT;
  // 9.3.4 b: a message older than its own maximum says nothing.
  return bpduMessageAge(p) > bpduMaxAge(p) ? WIRE_FIELD : WIRE_OK;
}

export function bpduType(p: usize): u32 {
  return load<u8>(p, 3);
}

export function bpduFlags(p: usize): u32 {
  return load<u8>(p, 4);
}

/** Priority and MAC as one number, in the order that 802.1D compares. */
export function bpduRootId(p: usize): u64 {
  return bswap<u64>(load<u64>(p, 5));
}

export function bpduRootPathCost(p: usize): u32 {
  return bswap<u32>(load<u32>(p, 13));
}

export function bpduBridgeId(p: usize): u64 {
  return bswap<u64>(load<u64>(p, 17));
}

export function bpduPortId(p: usize): u32 {
  return bswap<u16>(load<u16>(p, 25));
}

export function bpduMessageAge(p: usize): u32 {
  return bswap<u16>(load<u16>(p, 27));
}

export function bpduMaxAge(p: usize): u32 {
  return bswap<u16>(load<u16>(p, 29));
}

export function bpduHelloTime(p: usize): u32 {
  return bswap<u16>(load<u16>(p, 31));
}

export function bpduForwardDelay(p: usize): u32 {
  return bswap<u16>(load<u16>(p, 33));
}

export function emitBpduConfig(
  p: usize,
  flags: u32,
  rootId: u64,
  rootPathCost: u32,
  bridgeId: u64,
  portId: u32,
): void {
  store<u32>(p, 0);
  store<u8>(p, <u8>flags, 4);
  store<u64>(p, bswap<u64>(rootId), 5);
  store<u32>(p, bswap<u32>(rootPathCost), 13);
  store<u64>(p, bswap<u64>(bridgeId), 17);
  store<u16>(p, bswap<u16>(<u16>portId), 25);
}

/** The times of a configuration BPDU, in 1/256 s. */
export function emitBpduTimes(
  p: usize,
  messageAge: u32,
  maxAge: u32,
  helloTime: u32,
  forwardDelay: u32,
): void {
  store<u16>(p, bswap<u16>(<u16>messageAge), 27);
  store<u16>(p, bswap<u16>(<u16>maxAge), 29);
  store<u16>(p, bswap<u16>(<u16>helloTime), 31);
  store<u16>(p, bswap<u16>(<u16>forwardDelay), 33);
}

export function emitBpduTcn(p: usize): void {
  store<u32>(p, BPDU_TYPE_TCN << 24);
}

/** The LLC header in front of a BPDU. */
export function emitLlcStp(p: usize): void {
  store<u16>(p, <u16>LLC_STP);
  store<u8>(p, <u8>(LLC_STP >> 16), 2);
}
