/** Units of the rule language: bytes are powers of 1024, times are kept in ms. */
import type { ByteUnit, Count } from './ast.js';

const BYTES: Readonly<Record<ByteUnit, number>> = { bytes: 1, kbytes: 1024, mbytes: 1024 * 1024 };

/** A number where it fits, as everywhere in the tree (ast.ts, Count). */
export function toCount(value: bigint): Count {
  return value <= BigInt(Number.MAX_SAFE_INTEGER) && value >= -BigInt(Number.MAX_SAFE_INTEGER)
    ? Number(value)
    : value;
}

export function bytesOf(value: Count, unit: ByteUnit): bigint {
  return BigInt(value) * BigInt(BYTES[unit]);
}
