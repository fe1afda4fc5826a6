/** Numbers of any width within bytes, the first bit the highest, as headers are drawn; and the checksums of headers. */

/** `offset` and `bits` in bits. Bits beyond the end are not written. */
export function putBits(bytes: Uint8Array, offset: number, bits: number, value: bigint): void {
  for (let i = 0; i < bits; i++) {
    const at = offset + bits - 1 - i;
    const byte = at >> 3;
    if (byte >= bytes.length) continue;
    const mask = 0x80 >> (at & 7);
    if (((value >> BigInt(i)) & 1n) === 1n) bytes[byte]! |= mask;
    else bytes[byte]! &= ~mask & 255;
  }
}

/** undefined: not all of them are there. */
export function getBits(bytes: Uint8Array, offset: number, bits: number): bigint | undefined {
  if (offset + bits > bytes.length * 8) return undefined;
  const first = offset >> 3;
  const last = (offset + bits + 7) >> 3;
  let value = 0n;
  for (let at = first; at < last; at++) value = (value << 8n) | BigInt(bytes[at]!);
  return (value >> BigInt(last * 8 - offset - bits)) & ((1n << BigInt(bits)) - 1n);
}

export function put16(bytes: Uint8Array, at: number, value: number): void {
  bytes[at] = value >> 8;
  bytes[at + 1] = value & 255;
}

export function get16(bytes: Uint8Array, at: number): number {
  return ((bytes[at] ?? 0) << 8) | (bytes[at + 1] ?? 0);
}

/** RFC 1071. */
export function inetChecksum(...parts: readonly Uint8Array[]): number {
  let sum = 0;
  for (const part of parts)
    for (let at = 0; at < part.length; at += 2) sum += (part[at]! << 8) | (part[at + 1] ?? 0);
  while (sum > 0xffff) sum = (sum & 0xffff) + (sum >>> 16);
  return ~sum & 0xffff;
}

const CRC32C_REFLECTED = 0x82f63b78;

/** RFC 9260 appendix A; as it stands in the header, the lowest byte first. */
export function crc32c(bytes: Uint8Array): number {
  let crc = 0xffffffff;
  for (const byte of bytes) {
    crc ^= byte;
    for (let bit = 0; bit < 8; bit++) crc = (crc >>> 1) ^ ((crc & 1) === 0 ? 0 : CRC32C_REFLECTED);
  }
  return ~crc >>> 0;
}
