/** The frame check sequence of Ethernet (IEEE 802.3 §3.2.9): CRC-32, bits reversed, as NCM and EEM carry it behind frames. */

const TABLE = new Uint32Array(256);
for (let n = 0; n < 256; n++) {
  let c = n;
  for (let k = 0; k < 8; k++) c = (c & 1) !== 0 ? 0xedb88320 ^ (c >>> 1) : c >>> 1;
  TABLE[n] = c >>> 0;
}

export const FCS_BYTES = 4;

export function crc32(bytes: Uint8Array, from: number, to: number): number {
  let crc = 0xffffffff;
  for (let at = from; at < to; at++) crc = TABLE[(crc ^ bytes[at]!) & 0xff]! ^ (crc >>> 8);
  return ~crc >>> 0;
}

/** Whether the four bytes at `to` are the check sequence of what is before them; both have to lie in `bytes`. */
export function fcsIsRight(bytes: Uint8Array, from: number, to: number): boolean {
  const sent = bytes[to]! | (bytes[to + 1]! << 8) | (bytes[to + 2]! << 16) | (bytes[to + 3]! << 24);
  return sent >>> 0 === crc32(bytes, from, to);
}

export function putFcs(bytes: Uint8Array, from: number, to: number): void {
  const crc = crc32(bytes, from, to);
  for (let i = 0; i < FCS_BYTES; i++) bytes[to + i] = (crc >>> (8 * i)) & 0xff;
}
